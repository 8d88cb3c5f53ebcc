import { around, define, fixes, fixFor } from './fault-definition.ts'

const seated = 'If there is one: check that it is seated and powered'

/** The driver or its tool does not answer. */
export const toolFaults = {
  GPU_DRIVER_NOT_RUNNING: define(
    'unreadable',
    true,
    'The tool is installed, and the kernel driver it talks to is not loaded.',
    fixes.loadDriver,
  ),
  GPU_DRIVER_MISMATCH: define(
    'unreadable',
    true,
    'The driver’s parts (kernel module, library, tool) have different versions, as after an update without a reboot.',
    'Reboot the host, or unload and load the nvidia kernel modules; install the driver’s packages in one version. In a container: recreate it, so that it gets the host’s libraries.',
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
    'unreadable',
    true,
    'This user may not open the card’s device nodes: cards may be there, and nothing can be read of them.',
    fixes.permission,
  ),
  GPU_LIBRARY_MISSING: define(
    'unreadable',
    true,
    'The tool is there and the driver library it needs is not.',
    fixes.library,
  ),
  GPU_LIBRARY_FAILED: define(
    'unreadable',
    true,
    'The driver library could not be initialised.',
    'Look into the kernel log ("sudo dmesg") for what the driver says of it, then reinstall the driver.',
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
    around('Look into the kernel log for the card that hangs.', fixes.reset),
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
    'Check that the tool on the PATH is the vendor’s, and reinstall the package that brings it.',
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
    'unreadable',
    false,
    'The output ends before it should; cards after that point are unknown.',
    'Record it again; if it keeps stopping at the same card, that one does not answer: look into the kernel log.',
  ),
  GPU_OUTPUT_UNREADABLE: define(
    'unreadable',
    true,
    'No card, no failure and no empty list can be read in the output.',
    {
      nvidia: 'Check that the nvidia-smi on the PATH is the vendor’s, and reinstall the driver package that brings it.',
      amd: 'Check that the amd-smi or rocm-smi on the PATH is the vendor’s, and reinstall the package that brings it.',
      intel: 'Check that the xpu-smi on the PATH is the vendor’s, and reinstall the package that brings it.',
      any: fixFor(fixes.recordAnew, null),
    },
  ),
  GPU_NOTHING_READ: define(
    'unreadable',
    true,
    'The output is of a known form, and it neither describes a card nor says that there is none.',
    'Record the list of cards as a whole. Where it ends at the same place again, a card does not answer: look into the kernel log ("sudo dmesg"), reset the card or reboot.',
  ),
  GPU_FORM_NOT_READ: define(
    'unreadable',
    true,
    'This is the tool’s table for people, which changes with each version and is not read.',
    fixes.recordAnew,
  ),
  GPU_NOT_SUPPORTED: define(
    'unreadable',
    true,
    'This is an accelerator that no execution provider here computes on: it is not supported.',
    'Use an NVIDIA, AMD or Intel GPU, or the CPU of a host without one.',
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
    'Record it again; if it stops at this card again, the card does not answer: look into the kernel log.',
  ),
  GPU_NO_DATA: define(
    'unreadable',
    true,
    'The tool found no data to report for the cards.',
    around('Check that the driver is loaded.', fixes.permission),
  ),
  GPU_NONE_FOUND: define('none', false, 'The driver runs and finds no card.', {
    nvidia: `${seated}, that no other driver (vfio-pci, nouveau) holds it, and that the container was given it.`,
    amd: `${seated}, that no other driver (vfio-pci) holds it, and that the container was given /dev/kfd and /dev/dri.`,
    intel: `${seated}, that no other driver (vfio-pci) holds it, and that the container was given /dev/dri.`,
    any: `${seated}, that no other driver holds it, and that the container was given it.`,
  }),
  GPU_NONE_DETECTED: define(
    'unreadable',
    true,
    'The tool detects no card: there is none, or its driver is not loaded.',
    around('If there is one:', fixes.loadDriver),
  ),
  GPU_NOT_LISTED: define(
    'unreadable',
    true,
    'The PCI bus or the kernel shows this card, and its vendor’s tool does not list it.',
    fixes.install,
  ),
  GPU_ONLY_LOGGED: define(
    'unreadable',
    false,
    'Only a log or a list of the PCI bus names this card: how it is cannot be told.',
    fixes.record,
  ),
  GPU_EXCLUDED: define(
    'unreadable',
    true,
    'The driver was told to leave this card out.',
    'Remove NVreg_ExcludedGpus from the module’s options and reboot.',
  ),
  GPU_INDEX_GAP: define(
    'unreadable',
    false,
    'The tool counts more cards than it describes: those that are missing do not answer. The others go on.',
    'Look into the kernel log for the cards that are missing, and reboot the host.',
  ),
} as const
