/** What a fault does to its device. `none`: the card works as well as without it (a finding, a gap elsewhere). */
type Effect = 'unreadable' | 'degraded' | 'none'

export type FaultDefinition = {
  readonly meaning: string
  /** `{name}` stands for what `vendorFixes` says of the card's vendor, `<card>` for what its tool calls the card. */
  readonly fix: string
  /** The device cannot work until it is fixed. */
  readonly critical: boolean
  readonly effect: Effect
}

const rows = <Code extends string>(
  effect: Effect,
  critical: boolean,
  faults: Readonly<Record<Code, readonly [meaning: string, fix: string]>>,
) =>
  Object.fromEntries(
    Object.entries<readonly [string, string]>(faults).map(([code, [meaning, fix]]) => [
      code,
      { meaning, fix, critical, effect },
    ]),
  ) as Record<Code, FaultDefinition>

/** Every fault that a probe can report. Codes are stable: scripts and operators rely on them. */
export const faultTable = {
  // Something is there, and nothing can be computed on it until this is fixed.
  ...rows('unreadable', true, {
    GPU_DRIVER_NOT_RUNNING: ['The tool is installed, and the kernel driver it talks to is not loaded.', '{loadDriver}'],
    GPU_DRIVER_MISMATCH: [
      'The driver’s parts (kernel module, library, tool) have different versions, as after an update without a reboot.',
      'Reboot the host, or unload and load the nvidia kernel modules; install the driver’s packages in one version. In a container: recreate it, so that it gets the host’s libraries.',
    ],
    GPU_ACCESS_LOST: [
      'The driver library cannot open the card’s device files: typical for a container that lost its device access after a systemd reload on the host.',
      'Restart the container. To keep it from coming back, pass the device nodes explicitly (--device /dev/nvidia0 …) or use the cgroupfs driver.',
    ],
    GPU_ACCESS_BLOCKED: [
      'The operating system blocks access to the card, as in WSL with a driver that does not support it.',
      'In WSL: update the Windows driver and run "wsl --update". On a laptop: make sure the card is not disabled by firmware.',
    ],
    GPU_PERMISSION_DENIED: [
      'This user may not open the card’s device nodes: cards may be there, and nothing can be read of them.',
      '{permission}',
    ],
    GPU_LIBRARY_MISSING: ['The tool is there and the driver library it needs is not.', '{library}'],
    GPU_LIBRARY_FAILED: [
      'The driver library could not be initialised.',
      'Look into the kernel log ("sudo dmesg") for what the driver says of it, then reinstall the driver.',
    ],
    GPU_CONTAINER_RUNTIME: [
      'The container runtime could not give the card to the container.',
      'Install and configure the NVIDIA Container Toolkit ("sudo nvidia-ctk runtime configure"), then restart the runtime.',
    ],
    GPU_TOOL_TIMEOUT: [
      'The vendor’s tool did not answer in time, as it does when a card hangs.',
      'Look into the kernel log for the card that hangs. {reset}',
    ],
    GPU_TOOL_CRASHED: [
      'The vendor’s tool ended by a signal or with a program error.',
      'Update the driver and its tools; look into the kernel log for the card that caused it.',
    ],
    GPU_TOOL_SILENT: [
      'The vendor’s tool ended without saying anything.',
      'Check that the tool on the PATH is the vendor’s, and reinstall the package that brings it.',
    ],
    GPU_OUTPUT_TOO_LARGE: [
      'The output is larger than any real one; it was not read.',
      'Check that the tool on the PATH is the vendor’s.',
    ],
    GPU_OUTPUT_UNSAFE: [
      'The output declares XML entities, which no driver writes; it was not parsed.',
      'Check that the tool on the PATH is the vendor’s.',
    ],
    GPU_OUTPUT_UNREADABLE: ['No card, no failure and no empty list can be read in the output.', '{tool}'],
    GPU_NOTHING_READ: [
      'The output is of a known form, and it neither describes a card nor says that there is none.',
      'Record the list of cards as a whole. Where it ends at the same place again, a card does not answer: look into the kernel log ("sudo dmesg"), reset the card or reboot.',
    ],
    GPU_FORM_NOT_READ: [
      'The output is the tool’s table for people, which changes with each version and is not read.',
      'Record it with {listing}.',
    ],
    GPU_NOT_SUPPORTED: [
      'The accelerator is not supported: no execution provider here computes on it.',
      'Use an NVIDIA, AMD or Intel GPU, or the CPU of a host without one.',
    ],
    GPU_OUTPUT_UNLABELLED: [
      'A row of values without column names: a card is there, which one cannot be told.',
      'Record it again with a header ("--format=csv"), or as "nvidia-smi -q -x".',
    ],
    GPU_RECORD_INCOMPLETE: [
      'The description of this card is cut off or broken.',
      'Record it again; if it stops at this card again, the card does not answer: look into the kernel log.',
    ],
    GPU_NO_DATA: ['The tool found no data to report for the cards.', 'Check that the driver is loaded. {permission}'],
    GPU_NONE_DETECTED: [
      'The tool detects no card: there is none, or its driver is not loaded.',
      'If there is one: {loadDriver}',
    ],
    GPU_NOT_LISTED: ['The PCI bus or the kernel shows this card, and its vendor’s tool does not list it.', '{install}'],
    GPU_EXCLUDED: [
      'The driver was told to leave this card out.',
      'Remove NVreg_ExcludedGpus from the module’s options and reboot.',
    ],
    GPU_LOST: [
      'The driver lost contact with this card.',
      'Power the host off and on. If it comes back: check power cables, risers and seating, then have the card replaced. The kernel log names the reason.',
    ],
    GPU_FELL_OFF_BUS: [
      'The card has fallen off the PCI bus: power, seating, overheating or a broken card.',
      'Power the host off and on. If it comes back: check power cables, risers and seating, then have the card replaced.',
    ],
    GPU_NOT_ANSWERING: [
      'The card is there and answers nothing that it is asked.',
      '{reset} Look into the kernel log for the reason.',
    ],
    GPU_WEDGED: [
      'The driver has declared this card wedged: it takes no work until the driver is bound to it anew.',
      '{reset} If it comes back: update the card’s firmware, then check power and seating.',
    ],
    GPU_SURVIVABILITY_MODE: [
      'The card is in survivability mode: its firmware failed, and all that it takes is new firmware.',
      'Flash the card’s firmware again ("sudo fwupdmgr update", or "sudo xpu-smi updatefw -d <card> -t GFX -f <image>"), then power the host off and on. Where /sys/bus/pci/devices/<address>/survivability_mode does not exist, the tool is mistaken: update it and the Level Zero library.',
    ],
    GPU_INIT_FAILED: [
      'The driver could not initialise the card.',
      'Reboot the host, then update driver and firmware; the quoted line of the kernel log says where it stopped. If it stays, check power and seating.',
    ],
    GPU_FIRMWARE_MISSING: [
      'The driver could not initialise the card, because firmware that it loads is not installed.',
      'Install the firmware of this kernel (package linux-firmware or firmware-amd-graphics, firmware-intel-graphics), rebuild the initramfs and reboot.',
    ],
    GPU_NEEDS_OPEN_MODULES: [
      'This card works only with NVIDIA’s open kernel modules, and the proprietary ones are loaded.',
      'Install the open kernel modules of the same driver branch (package nvidia-open, or nvidia-driver-<branch>-open on Ubuntu) in place of the proprietary ones, and reboot.',
    ],
    GPU_NEEDS_CLOSED_MODULES: [
      'This card is older than Turing and works only with NVIDIA’s proprietary kernel modules; the open ones are loaded.',
      'Install the proprietary kernel modules (package cuda-drivers or nvidia-driver-<branch>, up to branch 580) in place of the open ones, and reboot.',
    ],
    GPU_DRIVER_DROPPED: [
      'The installed driver branch does not support this card any more.',
      'Install the older driver branch that the quoted line names, and reboot.',
    ],
    GPU_HELD_BY_OTHER: [
      'Another kernel driver holds this card.',
      'Release it: blacklist nouveau, or unbind vfio-pci, load the vendor’s driver and reboot.',
    ],
    GPU_BAR_UNASSIGNED: [
      'The firmware of the host gave the card no address space.',
      'Switch on "Above 4G decoding" (and resizable BAR) in the firmware settings of the host, or boot with pci=realloc.',
    ],
    GPU_NVSWITCH_FATAL: [
      'A switch between the cards of this board logged a fatal error (SXid): work that spans cards stops.',
      'Restart the fabric manager and reset all cards of the board together; have the board checked if it comes back.',
    ],
  }),
  // A card or a switch is not described, and the others go on.
  ...rows('unreadable', false, {
    GPU_OUTPUT_TRUNCATED: [
      'The output ends before it should; cards after that point are unknown.',
      'Record it again; if it keeps stopping at the same card, that one does not answer: look into the kernel log.',
    ],
    GPU_ONLY_LOGGED: [
      'Only a log or a list of the PCI bus names this card: how it is cannot be told.',
      'Record {listing} as well.',
    ],
    GPU_INDEX_GAP: [
      'The tool counts more cards than it describes: those that are missing do not answer. The others go on.',
      'Look into the kernel log for the cards that are missing, and reboot the host.',
    ],
    GPU_NVSWITCH_ERROR: [
      'A switch between the cards of this board logged an error that is not fatal (SXid).',
      'Watch it; look the SXid number up in the fabric manager’s documentation if it goes on.',
    ],
  }),
  // The card answers, and gets no jobs until this is fixed.
  ...rows('degraded', true, {
    GPU_GSP_TIMEOUT: [
      'The card’s own processor (GSP) does not answer the driver (Xid 119 or 120).',
      '{reset} If it comes back, update the driver or try without GSP firmware (NVreg_EnableGpuFirmware=0).',
    ],
    GPU_FIRMWARE_HALTED: ['The card’s internal microcontroller halted (Xid 61 or 62).', '{reset}'],
    GPU_RESET_REQUIRED: ['The card stopped working and says that it needs a reset.', '{reset}'],
    GPU_REBOOT_REQUIRED: [
      'The card stopped working in a way that only a reboot of the host undoes.',
      'Reboot the host. If it comes back: update driver and firmware, then have the card checked.',
    ],
    GPU_FABRIC_NOT_READY: [
      'The fabric between the cards of this board is not up, and CUDA does not start without it.',
      'Start the fabric manager of the same version as the driver ("sudo systemctl restart nvidia-fabricmanager").',
    ],
    GPU_COMPUTE_PROHIBITED: [
      'The card’s compute mode is "Prohibited": nothing may compute on it.',
      'Run "sudo nvidia-smi -c DEFAULT -i <card>".',
    ],
    GPU_MIG_EMPTY: [
      'MIG is on and no instance exists: there is nothing to compute on.',
      'Create instances ("sudo nvidia-smi mig -cgi <profile> -C"), or switch MIG off ("sudo nvidia-smi -mig 0").',
    ],
    GPU_ECC_UNCONTAINED: ['A memory error could not be contained (Xid 95).', '{reset}'],
    GPU_ROW_REMAP_FAILED: ['A bad row of memory could not be replaced: no spare is left.', 'Have the card replaced.'],
    GPU_MEMORY_UNREPAIRABLE: ['The card reports memory that cannot be repaired.', 'Have the card replaced.'],
    GPU_SRAM_THRESHOLD_EXCEEDED: [
      'Errors in the card’s internal memory exceed the vendor’s threshold.',
      'Have the card replaced.',
    ],
    GPU_DRIVER_UNUSABLE: [
      'The driver is too old for every execution provider: nothing can compute on this card.',
      'Update the driver to the version named.',
    ],
  }),
  // The card works; this is said of it.
  ...rows('degraded', false, {
    GPU_DRAIN_RECOMMENDED: [
      'The card recommends to be drained and reset at the next opportunity.',
      'Let the current work end, then: {reset}',
    ],
    GPU_DRAIN_P2P: [
      'The card asks that traffic between cards ends: memory that others may read had an error.',
      'Let work that spans several cards end, and start it again.',
    ],
    GPU_RECOVERED: [
      'The card failed and works again: history.',
      'Watch it. If it happens again: check power and temperature, update driver and firmware.',
    ],
    GPU_RESET_SEEN: [
      'The driver had to reset the card.',
      'Watch it. If it happens again: check power and temperature, update driver and firmware.',
    ],
    GPU_RING_TIMEOUT: [
      'Work on the card hung until the driver stopped it.',
      'Watch it. If it happens again: undo overclocking, check power and temperature, update the driver.',
    ],
    GPU_NVLINK_ERROR: [
      'A link between cards failed (Xid 74).',
      'Reset all cards of the board together; if it comes back, have the link checked.',
    ],
    GPU_XID: [
      'The driver logged an error of this card.',
      'Look the Xid number up in NVIDIA’s Xid catalogue (docs.nvidia.com/deploy/xid-errors).',
    ],
    GPU_READING_FAILED: [
      'The driver could not read some of the card’s values.',
      'Look into the kernel log; a card that answers in part often needs a reset.',
    ],
    // https://docs.nvidia.com/vgpu/latest/grid-licensing-user-guide/index.html
    GPU_VGPU_UNLICENSED: [
      'This virtual GPU has no licence: it is slowed down some minutes after the guest starts.',
      'Give the guest a client configuration token (/etc/nvidia/ClientConfigToken) and the feature type in /etc/nvidia/gridd.conf, run "sudo systemctl restart nvidia-gridd", and check that the licence server can be reached.',
    ],
    GPU_HEALTH_WARNING: [
      'The vendor’s tool reports a component of the card as not healthy.',
      'Follow the quoted description; have the card checked if it stays.',
    ],
    GPU_THERMAL_THROTTLE: [
      'The card slows its clocks because it, its memory or its board is too hot.',
      'Check fans, dust, airflow and room temperature; lower the power limit {setPower} until that is done.',
    ],
    GPU_TEMPERATURE_HIGH: [
      'The temperature has reached the threshold at which the card slows down.',
      'Check fans, dust, airflow and room temperature; lower the power limit {setPower} until that is done.',
    ],
    GPU_POWER_BRAKE: [
      'The power supply asks the card to slow down (power brake).',
      'Check power supplies, cables and the chassis’ power budget.',
    ],
    GPU_POWER_CAP: [
      'The card slows its clocks to stay within its power limit. At full load this is normal.',
      'Raise the power limit {setPower}, unless it is meant to be this low.',
    ],
    GPU_HARDWARE_SLOWDOWN: [
      'The hardware slows the clocks: temperature, power brake or an outside signal.',
      'Check power cabling. Check fans, dust, airflow and room temperature; lower the power limit {setPower} until that is done.',
    ],
    GPU_LINK_WIDTH_REDUCED: [
      'The PCI Express link runs with fewer lanes than the card has.',
      'Reseat the card and check the riser, unless the slot or the virtual machine has no more lanes.',
    ],
    GPU_ECC_UNCORRECTED: [
      'Memory errors that could not be corrected happened: results may have been wrong.',
      '{reset} If they come back, have the card replaced.',
    ],
    GPU_ECC_UNCORRECTED_LIFETIME: [
      'The card has had memory errors that could not be corrected, before the driver was last loaded.',
      'Watch the counter; have the card replaced if it grows.',
    ],
    GPU_ECC_CONTAINED: [
      'A memory error was contained to the application it hit (Xid 94).',
      'Restart that application; reset the card at the next opportunity.',
    ],
    GPU_ECC_CORRECTED_RATE: [
      'Corrected memory errors come unusually often (Xid 92).',
      'Watch it; run the vendor’s field diagnostic if they go on.',
    ],
    GPU_MEMORY_REPAIRED: [
      'The card set a bad page or row of memory aside (Xid 63).',
      'Reset the card at the next opportunity, so that the repair takes effect.',
    ],
    GPU_RETIREMENT_PENDING: ['A bad page of memory will be retired at the next reset.', '{reset}'],
    GPU_ROW_REMAP_PENDING: ['A bad row of memory will be replaced at the next reset.', '{reset}'],
    GPU_REPAIR_PENDING: ['The card will repair a memory channel or compute unit at the next reset.', '{reset}'],
    GPU_INFOROM_CORRUPT: [
      'The card’s information memory (infoROM) is damaged; it computes, and its counters cannot be trusted.',
      'Have the card re-flashed by its vendor.',
    ],
  }),
  // The card is well, and the host cannot use it until this is fixed.
  ...rows('none', true, {
    HOST_NO_EXECUTION_PROVIDER: [
      'ONNX Runtime cannot run even a small graph here.',
      'Reinstall the dependencies ("npm ci") for this platform and Node version.',
    ],
  }),
  // Findings: nothing stops for them. Contradictions (GPU_CLAIM…) are for the Checker, as work is what counts.
  ...rows('none', false, {
    GPU_TOOL_MISSING: [
      'The vendor’s tool is not installed or not on the PATH.',
      'Install the driver package that brings it, or add its folder to the PATH.',
    ],
    GPU_TOOL_EXIT_CODE: [
      'The vendor’s tool gave good output and an exit code that says failure.',
      'Follow the fix of whatever other fault is reported. Where there is none, update the driver package that brings the tool.',
    ],
    GPU_NONE_FOUND: [
      'The driver runs and finds no card.',
      'If there is one: check that it is seated and powered, {released}, and that the container was given {nodes}.',
    ],
    GPU_APPLICATION_ERROR: [
      'Work on the card ended with an error that applications cause, as a rule (an illegal access, a preempted process).',
      'Look at the application first. If every application gets it, treat it as a fault of the card.',
    ],
    GPU_READING_DENIED: [
      'This user may not read some of the card’s values. It computes all the same.',
      'Run the doctor as root if you want to see them. Jobs need none of them.',
    ],
    GPU_DRIVER_TOO_OLD: [
      'The driver is too old for an execution provider; the others are used.',
      'Update the driver to the version named.',
    ],
    GPU_UUID_DUPLICATE: [
      'Two devices of one host report the same UUID.',
      'On a live host: check that the tool on the PATH is the vendor’s. In a recording: record it again without masking the UUIDs.',
    ],
    GPU_CLAIM_MEMORY: [
      'This model was never sold with this much memory.',
      'Check the card with its vendor’s tool, and that the tool on the PATH is the vendor’s.',
    ],
    GPU_CLAIM_MODEL: [
      'The PCI device id belongs to another model than the one reported.',
      'Check that the tool on the PATH is the vendor’s, and that the card’s firmware was not changed.',
    ],
    GPU_CLAIM_ARCHITECTURE: [
      'The reported architecture is not that of the reported model.',
      'Check that the tool on the PATH is the vendor’s.',
    ],
    GPU_CLAIM_DRIVER: [
      'The reported driver cannot be the one in use, or cannot drive this model.',
      'Check that the tool on the PATH is the vendor’s and belongs to the loaded driver.',
    ],
    GPU_CLAIM_NO_KERNEL_DRIVER: [
      'A card is reported, and no kernel driver of its vendor is loaded.',
      'Check that the tool on the PATH is the vendor’s. In a container: mount /proc/driver as the vendor’s runtime does.',
    ],
    GPU_CLAIM_NO_PCI_DEVICE: [
      'A card is reported at a PCI address where the bus shows none of that vendor.',
      'Check that the tool on the PATH is the vendor’s.',
    ],
    GPU_CLAIM_WORK: [
      'The measured work is far below what the reported model does.',
      'Run "kaisar provider self-test"; check that the job runs on the card and not on the CPU.',
    ],
    HOST_NO_GPU_PROVIDER: [
      'There is a GPU, and no execution provider that could use it loads: jobs would run on the CPU.',
      'Run "kaisar provider setup-gpu": it says what CUDA and WebGPU lack here, and the commands that install it.',
    ],
    HOST_MEMORY_LOW: [
      'The host has little memory: building the job’s model takes up to 1 GiB beside the system.',
      'Give the host or the container at least 4 GiB.',
    ],
    HOST_DISK_LOW: [
      'Little space is free where the state is kept.',
      'Free some space, or choose another folder with --data-dir.',
    ],
    HOST_CLOCK_OFF: [
      'The clock of this host and block time are far apart.',
      'Switch on time synchronisation ("sudo timedatectl set-ntp true"). Where blocks come rarely, compare again after the next one.',
    ],
  }),
}

export type FaultCode = keyof typeof faultTable
