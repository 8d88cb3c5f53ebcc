import { type FaultCode, type FaultDefinition, faultTable } from './fault-table.ts'
import type { Vendor } from './observation.ts'
import type { Fault } from './probed-device.ts'

/** What a fix says differently for each vendor's card, and for a card whose vendor nobody said. */
export const vendorFixes = {
  reset: {
    nvidia:
      'Stop what uses the card and run "sudo nvidia-smi --gpu-reset -i <card>"; where that is refused, reboot the host.',
    amd: 'Stop what uses the card and run "sudo amd-smi reset -G -g <card>"; cards that are linked by XGMI are reset together. Where that is refused, reboot the host.',
    intel:
      'Stop what uses the card and bind its driver anew (write the PCI address to /sys/bus/pci/drivers/xe/unbind, then to bind; i915 likewise), or reboot the host.',
    any: 'Stop what uses the card and reset it with its vendor’s tool, or reboot the host.',
  },
  setPower: {
    nvidia: 'with "sudo nvidia-smi -pl <watts>"',
    amd: 'with "sudo amd-smi set -g <card> --power-cap <watts>"',
    intel: 'with "sudo xpu-smi config -d <card> --powerlimit <watts>"',
    any: 'with the vendor’s tool',
  },
  loadDriver: {
    nvidia:
      'Load the driver ("sudo modprobe nvidia"). After a kernel update rebuild it ("sudo dkms autoinstall"), and check with Secure Boot that the module is signed.',
    amd: 'Load the driver ("sudo modprobe amdgpu"). After a kernel update rebuild it ("sudo dkms autoinstall"), and check with Secure Boot that the module is signed.',
    intel:
      'Load the driver ("sudo modprobe xe", for older cards i915), and install the Level Zero library and the compute runtime (libze1, libze-intel-gpu1).',
    any: 'Load the vendor’s kernel driver. After a kernel update rebuild it, and check with Secure Boot that the module is signed.',
  },
  library: {
    nvidia:
      'Install the driver package completely; a container is given the library by the NVIDIA Container Toolkit (--gpus all, or --device nvidia.com/gpu=all).',
    amd: 'Install ROCm’s amd-smi-lib package completely; in a container install it too, and start with --device /dev/kfd --device /dev/dri.',
    intel:
      'Install the Level Zero library and the compute runtime (libze1, libze-intel-gpu1); start a container with --device /dev/dri.',
    any: 'Install the vendor’s driver package completely, in a container too.',
  },
  permission: {
    nvidia:
      'Look at the device nodes: "ls -l /dev/nvidia*" must show crw-rw-rw-, or a group that this user is in (NVreg_DeviceFileMode and NVreg_DeviceFileGID of the module set it). With SELinux: "sudo setsebool -P container_use_devices on". In a container: pass the nodes by CDI ("sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml", then --device nvidia.com/gpu=all).',
    amd: 'Add the user to the groups that own /dev/kfd and /dev/dri/renderD* ("sudo usermod -a -G render,video $USER") and log in again. In a container: --device /dev/kfd --device /dev/dri and --group-add with the number of the host’s group render.',
    intel:
      'Add the user to the group that owns /dev/dri/renderD* ("sudo usermod -a -G render $USER") and log in again. In a container: --device /dev/dri and --group-add with the number of the host’s group render.',
    any: 'Let this user open the card’s device nodes in /dev: check their mode, their group, SELinux, and what the container was given.',
  },
  listing: {
    nvidia: '"nvidia-smi -q -x > gpu.xml"',
    amd: '"amd-smi static --json > gpu.json"',
    intel: '"xpu-smi discovery -j > gpu.json"',
    any: '"nvidia-smi -q -x > gpu.xml", "amd-smi static --json > gpu.json" or "xpu-smi discovery -j > gpu.json"',
  },
  tool: {
    nvidia: 'Check that the nvidia-smi on the PATH is the vendor’s, and reinstall the driver package that brings it.',
    amd: 'Check that the amd-smi or rocm-smi on the PATH is the vendor’s, and reinstall the package that brings it.',
    intel: 'Check that the xpu-smi on the PATH is the vendor’s, and reinstall the package that brings it.',
    any: 'Record one of "nvidia-smi -q -x > gpu.xml", "amd-smi static --json > gpu.json", "xpu-smi discovery -j > gpu.json", or the kernel log ("sudo dmesg > dmesg.txt").',
  },
  install: {
    nvidia:
      'Install or load NVIDIA’s driver; check that no other driver (vfio-pci, nouveau) holds the card, and look into the kernel log.',
    amd: 'Install ROCm’s amd-smi and load amdgpu; check that no other driver (vfio-pci) holds the card, and look into the kernel log.',
    intel:
      'Install xpu-smi and load xe or i915; check that no other driver (vfio-pci) holds the card, and look into the kernel log.',
    any: 'Install or load the vendor’s driver; check that no other driver (vfio-pci) holds the card, and look into the kernel log.',
  },
  released: {
    nvidia: 'that no other driver (vfio-pci, nouveau) holds it',
    amd: 'that no other driver (vfio-pci) holds it',
    intel: 'that no other driver (vfio-pci) holds it',
    any: 'that no other driver holds it',
  },
  nodes: { nvidia: 'it', amd: '/dev/kfd and /dev/dri', intel: '/dev/dri', any: 'it' },
} as const satisfies Record<string, Readonly<Record<Vendor | 'any', string>>>

/** The vendors' documents that these were compared with. */
export const fixSources: Readonly<Record<Vendor, readonly string[]>> = {
  nvidia: [
    'https://docs.nvidia.com/deploy/nvidia-smi/index.html',
    'https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/kernel-modules.html',
    'https://github.com/NVIDIA/open-gpu-kernel-modules/blob/main/kernel-open/nvidia/nv-reg.h',
    'https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/cdi-support.html',
    'https://docs.openshift.com/container-platform/4.14/networking/multiple_networks/configuring-additional-network.html',
  ],
  amd: [
    'https://rocm.docs.amd.com/projects/amdsmi/en/latest/how-to/amdsmi-cli-tool.html',
    'https://rocm.docs.amd.com/projects/amdsmi/en/latest/conceptual/gpu-reset-behavior.html',
    'https://rocm.docs.amd.com/projects/install-on-linux/en/latest/install/prerequisites.html',
    'https://rocm.docs.amd.com/projects/install-on-linux/en/latest/how-to/docker.html',
  ],
  intel: [
    'https://docs.kernel.org/gpu/xe/xe_device.html',
    'https://intel.github.io/xpumanager/2.0/index.html',
    'https://intel.github.io/xpumanager/2.0/xpu-smi/config.html',
    'https://www.intel.com/content/www/us/en/docs/oneapi-toolkit/installation-guide-linux/latest/install-intel-gpu-drivers.html',
  ],
}

/** A fix with its `{names}` filled in for the owner of this vendor's card. */
export const fixFor = (fix: string, vendor: Vendor | null): string =>
  fix.replace(/\{(\w+)\}/g, (_, name: string) => vendorFixes[name as keyof typeof vendorFixes][vendor ?? 'any'])

const isFaultCode = (code: string): code is FaultCode => Object.hasOwn(faultTable, code)

export const faultDefinition = (code: string): FaultDefinition =>
  isFaultCode(code) ? faultTable[code] : faultTable.GPU_HEALTH_WARNING

export function makeFault(
  code: FaultCode,
  {
    place = null,
    vendor = null,
    ...about
  }: Partial<Omit<Fault, 'code' | 'meaning' | 'fix'>> & {
    /** What the vendor's tool calls the card: its number, or its PCI address. */
    readonly place?: string | null
  } = {},
): Fault {
  const { meaning, fix: general, critical } = faultTable[code]
  const fix = fixFor(general, vendor).replaceAll('<card>', place ?? '<card>')
  return { code, device: null, vendor, meaning, fix, critical, detail: null, contradiction: null, ...about }
}

export const faultFromText = (code: string, about: Parameters<typeof makeFault>[1]): Fault =>
  makeFault(isFaultCode(code) ? code : 'GPU_HEALTH_WARNING', about)
