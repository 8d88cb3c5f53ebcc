import type { Contradiction, Fault } from './gpu-probe.ts'

/** What a fault does to its device. `none`: the card works as well as without it (a finding, a gap elsewhere). */
export type FaultEffect = 'unreadable' | 'degraded' | 'none'

export type FaultDefinition = {
  readonly meaning: string
  readonly fix: string
  readonly critical: boolean
  readonly effect: FaultEffect
}

const define = (effect: FaultEffect, critical: boolean, meaning: string, fix: string): FaultDefinition => ({
  meaning,
  fix,
  critical,
  effect,
})

const reset =
  'Stop what uses the card and run "nvidia-smi --gpu-reset -i <card>"; where that is refused, reboot the host.'
const reseat =
  'Power the host off and on. If it comes back: check power cables, risers and seating, then have the card replaced.'
const cooling =
  'Check fans, dust, airflow and room temperature; lower the power limit with "nvidia-smi -pl <watts>" until that is done.'

/** Every fault that a probe can report. Codes are stable: scripts and operators rely on them. */
export const faultTable = {
  // The driver or its tool does not answer.
  GPU_DRIVER_NOT_RUNNING: define(
    'unreadable',
    true,
    'The tool is installed, and the kernel driver it talks to is not loaded.',
    'Load the driver ("sudo modprobe nvidia", "sudo modprobe amdgpu"). After a kernel update rebuild it ("sudo dkms autoinstall"), and check with Secure Boot that the module is signed.',
  ),
  GPU_DRIVER_MISMATCH: define(
    'unreadable',
    true,
    'The loaded kernel driver and the installed driver library have different versions, as after an update without a reboot.',
    'Reboot the host, or unload and load the nvidia kernel modules. In a container: recreate it, so that it gets the host’s libraries.',
  ),
  GPU_ACCESS_LOST: define(
    'unreadable',
    true,
    'The driver library cannot open the card’s device files: typical for a container that lost its device access after a systemd reload on the host.',
    'Restart the container. To keep it from coming back, pass the device nodes explicitly (--device /dev/nvidia0 …) or use the cgroupfs driver.',
  ),
  GPU_ACCESS_BLOCKED: define(
    'unreadable',
    true,
    'The operating system blocks access to the card, as in WSL with a driver that does not support it.',
    'In WSL: update the Windows driver and run "wsl --update". On a laptop: make sure the card is not disabled by firmware.',
  ),
  GPU_PERMISSION_DENIED: define(
    'degraded',
    false,
    'This user may not read some of the card’s values.',
    'Add the user to the groups "video" and "render", or run as a user who may open the card’s device files.',
  ),
  GPU_LIBRARY_MISSING: define(
    'unreadable',
    true,
    'The tool is there and the driver library it needs is not.',
    'Install the driver package completely; in a container start it with the vendor’s runtime (--gpus all, or --device /dev/kfd --device /dev/dri).',
  ),
  GPU_LIBRARY_FAILED: define(
    'unreadable',
    true,
    'The driver library could not be initialised.',
    'Read the quoted message and the kernel log ("sudo dmesg | grep -iE \'nvrm|amdgpu\'"), then reinstall the driver.',
  ),
  GPU_CONTAINER_RUNTIME: define(
    'unreadable',
    true,
    'The container runtime could not give the card to the container.',
    'Install and configure the NVIDIA Container Toolkit ("sudo nvidia-ctk runtime configure"), then restart the runtime.',
  ),
  GPU_TOOL_MISSING: define(
    'none',
    false,
    'The vendor’s tool is not installed or not on the PATH.',
    'Install the driver package that brings it, or add its folder to the PATH.',
  ),
  GPU_TOOL_TIMEOUT: define(
    'unreadable',
    true,
    'The vendor’s tool did not answer in time, as it does when a card hangs.',
    `Look into the kernel log for the card that hangs. ${reset}`,
  ),
  GPU_TOOL_CRASHED: define(
    'unreadable',
    true,
    'The vendor’s tool ended by a signal or with a program error.',
    'Update the driver and its tools; look into the kernel log for the card that caused it.',
  ),
  GPU_TOOL_SILENT: define(
    'unreadable',
    true,
    'The vendor’s tool ended without saying anything.',
    'Run the tool by hand and reinstall the driver package if it stays silent.',
  ),
  GPU_TOOL_EXIT_CODE: define(
    'none',
    false,
    'The vendor’s tool gave good output and an exit code that says failure.',
    'Nothing, where no other fault is reported; otherwise follow that one.',
  ),
  GPU_OUTPUT_TOO_LARGE: define(
    'unreadable',
    true,
    'The output is larger than any real one; it was not read.',
    'Check that the tool on the PATH is the vendor’s.',
  ),
  GPU_OUTPUT_UNSAFE: define(
    'unreadable',
    true,
    'The output declares XML entities, which no driver writes; it was not parsed.',
    'Check that the tool on the PATH is the vendor’s.',
  ),
  GPU_OUTPUT_TRUNCATED: define(
    'none',
    false,
    'The output ends before it should; cards after that point are unknown.',
    'Run the tool again; look into the kernel log if it keeps stopping at the same card.',
  ),
  GPU_OUTPUT_UNREADABLE: define(
    'unreadable',
    true,
    'The tool answered, and no card, no failure and no empty list can be read in its answer.',
    'Send the output with "kaisar provider doctor --recording <file>" so that the format can be added.',
  ),
  GPU_OUTPUT_UNLABELLED: define(
    'unreadable',
    true,
    'A row of values without column names: a card is there, which one cannot be told.',
    'Record it again with a header ("--format=csv"), or as "nvidia-smi -q -x".',
  ),
  GPU_RECORD_INCOMPLETE: define(
    'unreadable',
    true,
    'The description of this card is cut off or broken.',
    'Run the tool again; if it stops at this card again, the card does not answer: look into the kernel log.',
  ),
  GPU_NO_DATA: define(
    'unreadable',
    true,
    'The tool found no data to report for the cards.',
    'Check that the amdgpu driver is loaded and that this user may open /dev/kfd and /dev/dri.',
  ),
  GPU_NONE_FOUND: define(
    'none',
    false,
    'The driver runs and finds no card.',
    'If there is one: check that it is seated and powered, that no other driver (vfio-pci, nouveau) holds it, and that the container was given it.',
  ),
  GPU_NOT_LISTED: define(
    'unreadable',
    true,
    'The PCI bus shows this card, and its vendor’s tool does not list it.',
    'Install or load the vendor’s driver; check that no other driver (vfio-pci, nouveau) holds the card, and look into the kernel log.',
  ),
  GPU_ONLY_LOGGED: define(
    'unreadable',
    false,
    'Only a log names this card: how it is cannot be told.',
    'Record the output of the vendor’s tool as well, for example "nvidia-smi -q -x".',
  ),
  GPU_EXCLUDED: define(
    'unreadable',
    true,
    'The driver was told to leave this card out.',
    'Remove NVreg_ExcludedGpus from the module’s options and reboot.',
  ),
  GPU_INDEX_GAP: define(
    'none',
    false,
    'The tool counts more cards than it describes: one of them does not answer.',
    'Look into the kernel log for the card that is missing. The others go on.',
  ),

  // The card is gone or needs something done.
  GPU_LOST: define(
    'unreadable',
    true,
    'The driver lost contact with this card.',
    `${reseat} The kernel log names the reason (Xid 79: fallen off the bus).`,
  ),
  GPU_FELL_OFF_BUS: define(
    'unreadable',
    true,
    'The card has fallen off the PCI bus (Xid 79): power, seating, overheating or a broken card.',
    reseat,
  ),
  GPU_GSP_TIMEOUT: define(
    'degraded',
    true,
    'The card’s own processor (GSP) does not answer the driver (Xid 119 or 120).',
    `${reset} If it comes back, update the driver or try without GSP firmware (NVreg_EnableGpuFirmware=0).`,
  ),
  GPU_FIRMWARE_HALTED: define('degraded', true, 'The card’s internal microcontroller halted (Xid 61 or 62).', reset),
  GPU_INIT_FAILED: define(
    'unreadable',
    true,
    'The driver could not initialise the card.',
    'Check power and seating, update driver and firmware; look at the quoted line of the kernel log.',
  ),
  GPU_RESET_REQUIRED: define('degraded', true, 'The card stopped working and says that it needs a reset.', reset),
  GPU_DRAIN_RECOMMENDED: define(
    'degraded',
    false,
    'The card recommends to be drained and reset at the next opportunity.',
    `Let the current work end, then: ${reset}`,
  ),
  GPU_RESET_SEEN: define(
    'degraded',
    false,
    'The driver had to reset the card.',
    'Watch it. If it happens again: check power and temperature, update driver and firmware.',
  ),
  GPU_RING_TIMEOUT: define(
    'degraded',
    false,
    'Work on the card hung until the driver stopped it.',
    'Watch it. If it happens again: undo overclocking, check power and temperature, update the driver.',
  ),
  GPU_NVLINK_ERROR: define(
    'degraded',
    false,
    'A link between cards failed (Xid 74).',
    'Reset all cards of the board together; if it comes back, have the link checked.',
  ),
  GPU_FABRIC_NOT_READY: define(
    'degraded',
    true,
    'The fabric between the cards of this board is not up, and CUDA does not start without it.',
    'Start the fabric manager of the same version as the driver ("sudo systemctl restart nvidia-fabricmanager").',
  ),
  GPU_XID: define(
    'degraded',
    false,
    'The driver logged an error of this card.',
    'Look the Xid number up in NVIDIA’s Xid catalogue (docs.nvidia.com/deploy/xid-errors).',
  ),
  GPU_READING_FAILED: define(
    'degraded',
    false,
    'The driver could not read some of the card’s values.',
    'Look into the kernel log; a card that answers in part often needs a reset.',
  ),
  GPU_HEALTH_WARNING: define(
    'degraded',
    false,
    'The vendor’s tool reports a component of the card as not healthy.',
    'Follow the quoted description; have the card checked if it stays.',
  ),
  GPU_COMPUTE_PROHIBITED: define(
    'degraded',
    true,
    'The card’s compute mode is "Prohibited": nothing may compute on it.',
    'Run "sudo nvidia-smi -c DEFAULT -i <card>".',
  ),
  GPU_MIG_EMPTY: define(
    'degraded',
    true,
    'MIG is on and no instance exists: there is nothing to compute on.',
    'Create instances ("sudo nvidia-smi mig -cgi <profile> -C"), or switch MIG off ("sudo nvidia-smi -mig 0").',
  ),

  // Slower than it could be.
  GPU_THERMAL_THROTTLE: define(
    'degraded',
    false,
    'The card slows its clocks because it, its memory or its board is too hot.',
    cooling,
  ),
  GPU_TEMPERATURE_HIGH: define(
    'degraded',
    false,
    'The temperature has reached the threshold at which the card slows down.',
    cooling,
  ),
  GPU_POWER_BRAKE: define(
    'degraded',
    false,
    'The power supply asks the card to slow down (power brake).',
    'Check power supplies, cables and the chassis’ power budget.',
  ),
  GPU_POWER_CAP: define(
    'degraded',
    false,
    'The card slows its clocks to stay within its power limit. At full load this is normal.',
    'Nothing, if the limit is meant; otherwise raise it with "sudo nvidia-smi -pl <watts>".',
  ),
  GPU_HARDWARE_SLOWDOWN: define(
    'degraded',
    false,
    'The hardware slows the clocks: temperature, power brake or an outside signal.',
    `Check power cabling. ${cooling}`,
  ),
  GPU_LINK_WIDTH_REDUCED: define(
    'degraded',
    false,
    'The PCI Express link runs with fewer lanes than the card has.',
    'Nothing, if the slot or the virtual machine has no more. Otherwise reseat the card and check the riser.',
  ),

  // Memory.
  GPU_ECC_UNCORRECTED: define(
    'degraded',
    false,
    'Memory errors that could not be corrected happened: results may have been wrong.',
    `${reset} If they come back, have the card replaced.`,
  ),
  GPU_ECC_UNCORRECTED_LIFETIME: define(
    'degraded',
    false,
    'The card has had memory errors that could not be corrected, before the driver was last loaded.',
    'Watch the counter; have the card replaced if it grows.',
  ),
  GPU_ECC_CONTAINED: define(
    'degraded',
    false,
    'A memory error was contained to the application it hit (Xid 94).',
    'Restart that application; reset the card at the next opportunity.',
  ),
  GPU_ECC_UNCONTAINED: define('degraded', true, 'A memory error could not be contained (Xid 95).', reset),
  GPU_ECC_CORRECTED_RATE: define(
    'degraded',
    false,
    'Corrected memory errors come unusually often (Xid 92).',
    'Watch it; run the vendor’s field diagnostic if they go on.',
  ),
  GPU_MEMORY_REPAIRED: define(
    'degraded',
    false,
    'The card set a bad page or row of memory aside (Xid 63).',
    'Reset the card at the next opportunity, so that the repair takes effect.',
  ),
  GPU_RETIREMENT_PENDING: define('degraded', false, 'A bad page of memory will be retired at the next reset.', reset),
  GPU_ROW_REMAP_PENDING: define('degraded', false, 'A bad row of memory will be replaced at the next reset.', reset),
  GPU_ROW_REMAP_FAILED: define(
    'degraded',
    true,
    'A bad row of memory could not be replaced: no spare is left.',
    'Have the card replaced.',
  ),
  GPU_MEMORY_UNREPAIRABLE: define(
    'degraded',
    true,
    'The card reports memory that cannot be repaired.',
    'Have the card replaced.',
  ),
  GPU_REPAIR_PENDING: define(
    'degraded',
    false,
    'The card will repair a memory channel or compute unit at the next reset.',
    reset,
  ),
  GPU_SRAM_THRESHOLD_EXCEEDED: define(
    'degraded',
    true,
    'Errors in the card’s internal memory exceed the vendor’s threshold.',
    'Have the card replaced.',
  ),
  GPU_INFOROM_CORRUPT: define(
    'degraded',
    false,
    'The card’s information memory (infoROM) is damaged; it computes, and its counters cannot be trusted.',
    'Have the card re-flashed by its vendor. Until then it works.',
  ),

  // Driver policy.
  GPU_DRIVER_TOO_OLD: define(
    'none',
    false,
    'The driver is too old for an execution provider; the others are used.',
    'Update the driver to the version named.',
  ),
  GPU_DRIVER_UNUSABLE: define(
    'degraded',
    true,
    'The driver is too old for every execution provider: nothing can compute on this card.',
    'Update the driver to the version named.',
  ),

  // Contradictions: findings for the Checker. They never stop a device; work is what counts.
  GPU_UUID_DUPLICATE: define(
    'none',
    false,
    'Two devices of one host report the same UUID.',
    'Nothing for a recording whose author masked UUIDs. On a live host: check that the tool on the PATH is the vendor’s.',
  ),
  GPU_CLAIM_MEMORY: define(
    'none',
    false,
    'This model was never sold with this much memory.',
    'Check the card with its vendor’s tool, and that the tool on the PATH is the vendor’s.',
  ),
  GPU_CLAIM_MODEL: define(
    'none',
    false,
    'The PCI device id belongs to another model than the one reported.',
    'Check that the tool on the PATH is the vendor’s, and that the card’s firmware was not changed.',
  ),
  GPU_CLAIM_ARCHITECTURE: define(
    'none',
    false,
    'The reported architecture is not that of the reported model.',
    'Check that the tool on the PATH is the vendor’s.',
  ),
  GPU_CLAIM_DRIVER: define(
    'none',
    false,
    'The reported driver cannot be the one in use, or cannot drive this model.',
    'Check that the tool on the PATH is the vendor’s and belongs to the loaded driver.',
  ),
  GPU_CLAIM_NO_KERNEL_DRIVER: define(
    'none',
    false,
    'A card is reported, and no kernel driver of its vendor is loaded.',
    'Check that the tool on the PATH is the vendor’s. In a container: mount /proc/driver as the vendor’s runtime does.',
  ),
  GPU_CLAIM_NO_PCI_DEVICE: define(
    'none',
    false,
    'A card is reported at a PCI address where the bus shows none of that vendor.',
    'Check that the tool on the PATH is the vendor’s.',
  ),
  GPU_CLAIM_WORK: define(
    'none',
    false,
    'The measured work is far below what the reported model does.',
    'Run "kaisar provider self-test"; check that the job runs on the card and not on the CPU.',
  ),
} as const satisfies Record<string, FaultDefinition>

export type FaultCode = keyof typeof faultTable

const isFaultCode = (code: string): code is FaultCode => Object.hasOwn(faultTable, code)

export const faultDefinition = (code: string): FaultDefinition =>
  isFaultCode(code) ? faultTable[code] : faultTable.GPU_HEALTH_WARNING

export function makeFault(
  code: FaultCode,
  about: {
    readonly device?: string | null
    readonly detail?: string | null
    readonly contradiction?: Contradiction | null
    readonly critical?: boolean
  } = {},
): Fault {
  const { meaning, fix, critical } = faultTable[code]
  return {
    code,
    device: about.device ?? null,
    meaning,
    fix,
    critical: about.critical ?? critical,
    detail: about.detail ?? null,
    contradiction: about.contradiction ?? null,
  }
}

export const faultFromText = (code: string, about: Parameters<typeof makeFault>[1]): Fault =>
  makeFault(isFaultCode(code) ? code : 'GPU_HEALTH_WARNING', about)
