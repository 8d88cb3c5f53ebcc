import type { Vendor } from './observation.ts'

/** What a fault does to its device. `none`: the card works as well as without it (a finding, a gap elsewhere). */
export type FaultEffect = 'unreadable' | 'degraded' | 'none'

/** One sentence for all, or one a vendor and one for a card whose vendor nobody said. */
export type Fix = string | Readonly<Record<Vendor | 'any', string>>

export type FaultDefinition = {
  readonly meaning: string
  readonly fix: Fix
  readonly critical: boolean
  readonly effect: FaultEffect
}

export const define = (effect: FaultEffect, critical: boolean, meaning: string, fix: Fix): FaultDefinition => ({
  meaning,
  fix,
  critical,
  effect,
})

export const fixFor = (fix: Fix, vendor: Vendor | null): string =>
  typeof fix === 'string' ? fix : fix[vendor ?? 'any']

/** A fix with a sentence before it or behind it. */
export function around(before: string, fix: Fix, behind = ''): Fix {
  const join = (text: string): string => [before, text, behind].filter(Boolean).join(' ')
  if (typeof fix === 'string') return join(fix)
  return { nvidia: join(fix.nvidia), amd: join(fix.amd), intel: join(fix.intel), any: join(fix.any) }
}

type Row = { readonly [V in Vendor]: readonly [fix: string, ...sources: string[]] } & { readonly any: string }

const nvidiaSmi = 'https://docs.nvidia.com/deploy/nvidia-smi/index.html'
const nvidiaModules = 'https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/kernel-modules.html'
const nvidiaNodes = 'https://github.com/NVIDIA/open-gpu-kernel-modules/blob/main/kernel-open/nvidia/nv-reg.h'
const nvidiaCdi = 'https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/cdi-support.html'
const selinuxDevices =
  'https://docs.openshift.com/container-platform/4.14/networking/multiple_networks/configuring-additional-network.html'
const amdSmi = 'https://rocm.docs.amd.com/projects/amdsmi/en/latest/how-to/amdsmi-cli-tool.html'
const amdInstall = 'https://rocm.docs.amd.com/projects/install-on-linux/en/latest/install/prerequisites.html'
const amdDocker = 'https://rocm.docs.amd.com/projects/install-on-linux/en/latest/how-to/docker.html'
const xeWedging = 'https://docs.kernel.org/gpu/xe/xe_device.html'
const xpuSmi = 'https://intel.github.io/xpumanager/2.0/xpu-smi/config.html'
const xpuSmiList = 'https://intel.github.io/xpumanager/2.0/index.html'
const intelDriver =
  'https://www.intel.com/content/www/us/en/docs/oneapi-toolkit/installation-guide-linux/latest/install-intel-gpu-drivers.html'

/** What differs between vendors, each with the document that it was compared with. */
export const fixTable = {
  reset: {
    nvidia: [
      'Stop what uses the card and run "sudo nvidia-smi --gpu-reset -i <card>"; where that is refused, reboot the host.',
      nvidiaSmi,
    ],
    amd: [
      'Stop what uses the card and run "sudo amd-smi reset -G -g <card>"; cards that are linked by XGMI are reset together. Where that is refused, reboot the host.',
      'https://rocm.docs.amd.com/projects/amdsmi/en/latest/conceptual/gpu-reset-behavior.html',
    ],
    intel: [
      'Stop what uses the card and bind its driver anew (write the PCI address to /sys/bus/pci/drivers/xe/unbind, then to bind; i915 likewise), or reboot the host.',
      xeWedging,
    ],
    any: 'Stop what uses the card and reset it with its vendor’s tool, or reboot the host.',
  },
  cooling: {
    nvidia: [
      'Check fans, dust, airflow and room temperature; lower the power limit with "sudo nvidia-smi -pl <watts>" until that is done.',
      nvidiaSmi,
    ],
    amd: [
      'Check fans, dust, airflow and room temperature; lower the power limit with "sudo amd-smi set -g <card> --power-cap <watts>" until that is done.',
      amdSmi,
    ],
    intel: [
      'Check fans, dust, airflow and room temperature; lower the power limit with "sudo xpu-smi config -d <card> --powerlimit <watts>" until that is done.',
      xpuSmi,
    ],
    any: 'Check fans, dust, airflow and room temperature; lower the power limit until that is done.',
  },
  powerLimit: {
    nvidia: ['Nothing, if the limit is meant; otherwise raise it with "sudo nvidia-smi -pl <watts>".', nvidiaSmi],
    amd: [
      'Nothing, if the limit is meant; otherwise raise it with "sudo amd-smi set -g <card> --power-cap <watts>".',
      amdSmi,
    ],
    intel: [
      'Nothing, if the limit is meant; otherwise raise it with "sudo xpu-smi config -d <card> --powerlimit <watts>".',
      xpuSmi,
    ],
    any: 'Nothing, if the limit is meant; otherwise raise it with the vendor’s tool.',
  },
  loadDriver: {
    nvidia: [
      'Load the driver ("sudo modprobe nvidia"). After a kernel update rebuild it ("sudo dkms autoinstall"), and check with Secure Boot that the module is signed.',
      nvidiaModules,
    ],
    amd: [
      'Load the driver ("sudo modprobe amdgpu"). After a kernel update rebuild it ("sudo dkms autoinstall"), and check with Secure Boot that the module is signed.',
      amdInstall,
    ],
    intel: [
      'Load the driver ("sudo modprobe xe", for older cards i915), and install the Level Zero library and the compute runtime (libze1, libze-intel-gpu1).',
      intelDriver,
    ],
    any: 'Load the vendor’s kernel driver. After a kernel update rebuild it, and check with Secure Boot that the module is signed.',
  },
  library: {
    nvidia: [
      'Install the driver package completely; a container is given the library by the NVIDIA Container Toolkit (--gpus all, or --device nvidia.com/gpu=all).',
      nvidiaCdi,
    ],
    amd: [
      'Install ROCm’s amd-smi-lib package completely; in a container install it too, and start with --device /dev/kfd --device /dev/dri.',
      amdDocker,
    ],
    intel: [
      'Install the Level Zero library and the compute runtime (libze1, libze-intel-gpu1); start a container with --device /dev/dri.',
      intelDriver,
    ],
    any: 'Install the vendor’s driver package completely, in a container too.',
  },
  permission: {
    nvidia: [
      'Look at the device nodes: "ls -l /dev/nvidia*" must show crw-rw-rw-, or a group that this user is in (NVreg_DeviceFileMode and NVreg_DeviceFileGID of the module set it). With SELinux: "sudo setsebool -P container_use_devices on". In a container: pass the nodes by CDI ("sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml", then --device nvidia.com/gpu=all).',
      nvidiaNodes,
      nvidiaCdi,
      selinuxDevices,
    ],
    amd: [
      'Add the user to the groups that own /dev/kfd and /dev/dri/renderD* ("sudo usermod -a -G render,video $USER") and log in again. In a container: --device /dev/kfd --device /dev/dri and --group-add with the number of the host’s group render.',
      amdInstall,
    ],
    intel: [
      'Add the user to the group that owns /dev/dri/renderD* ("sudo usermod -a -G render $USER") and log in again. In a container: --device /dev/dri and --group-add with the number of the host’s group render.',
      intelDriver,
    ],
    any: 'Let this user open the card’s device nodes in /dev: check their mode, their group, SELinux, and what the container was given.',
  },
  record: {
    nvidia: ['Record "nvidia-smi -q -x > gpu.xml" as well.', nvidiaSmi],
    amd: ['Record "amd-smi static --json > gpu.json" as well.', amdSmi],
    intel: ['Record "xpu-smi discovery -j > gpu.json" as well.', xpuSmiList],
    any: 'Record the output of the vendor’s tool as well: "nvidia-smi -q -x > gpu.xml", "amd-smi static --json > gpu.json" or "xpu-smi discovery -j > gpu.json".',
  },
  recordAnew: {
    nvidia: ['Record it as "nvidia-smi -q -x > gpu.xml".', nvidiaSmi],
    amd: ['Record it as JSON: "amd-smi static --json > gpu.json".', amdSmi],
    intel: ['Record it as JSON: "xpu-smi discovery -j > gpu.json".', xpuSmiList],
    any: 'Record one of "nvidia-smi -q -x > gpu.xml", "amd-smi static --json > gpu.json", "xpu-smi discovery -j > gpu.json", or the kernel log ("sudo dmesg > dmesg.txt").',
  },
  install: {
    nvidia: [
      'Install or load NVIDIA’s driver; check that no other driver (vfio-pci, nouveau) holds the card, and look into the kernel log.',
      nvidiaModules,
    ],
    amd: [
      'Install ROCm’s amd-smi and load amdgpu; check that no other driver (vfio-pci) holds the card, and look into the kernel log.',
      amdInstall,
    ],
    intel: [
      'Install xpu-smi and load xe or i915; check that no other driver (vfio-pci) holds the card, and look into the kernel log.',
      intelDriver,
    ],
    any: 'Install or load the vendor’s driver; check that no other driver (vfio-pci) holds the card, and look into the kernel log.',
  },
} as const satisfies Record<string, Row>

const withoutSources = ({ nvidia, amd, intel, any }: Row): Fix => ({
  nvidia: nvidia[0],
  amd: amd[0],
  intel: intel[0],
  any,
})

/** Fixes that faults share. */
export const fixes = {
  ...(Object.fromEntries(Object.entries(fixTable).map(([name, row]) => [name, withoutSources(row)])) as Record<
    keyof typeof fixTable,
    Fix
  >),
  reseat:
    'Power the host off and on. If it comes back: check power cables, risers and seating, then have the card replaced.',
} as const
