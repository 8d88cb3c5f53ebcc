/** What installs each part on each distribution, as its vendor's or its own manual says. A table, so that every line can be read. */

export type Distribution = {
  /** Whose package manager it is. */
  readonly family: 'debian' | 'ubuntu' | 'fedora' | 'rhel' | 'suse' | 'arch' | 'other'
  /** As /etc/os-release says, for people. */
  readonly name: string
  /** Folder of NVIDIA's repository with CUDA 12 for it, e.g. `ubuntu2404`; null where there is none. */
  readonly cudaRepository: string | null
}

/** The folders of developer.download.nvidia.com/compute/cuda/repos that hold CUDA 12.9. */
const cudaRepositories = new Set([
  ...['ubuntu2004', 'ubuntu2204', 'ubuntu2404', 'debian12', 'fedora41'],
  ...['rhel8', 'rhel9', 'opensuse15', 'sles15'],
])

const families: readonly (readonly [RegExp, Distribution['family']])[] = [
  [/\bubuntu\b/, 'ubuntu'],
  [/\bdebian\b/, 'debian'],
  // Before Fedora, which its relatives name too.
  [/\b(rhel|centos|rocky|almalinux)\b/, 'rhel'],
  [/\bfedora\b/, 'fedora'],
  [/\b(opensuse[\w-]*|suse|sles)\b/, 'suse'],
  [/\barch\b/, 'arch'],
]

/** @param text - of /etc/os-release, which may be empty */
export function readDistribution(text: string): Distribution {
  const value = (key: string) => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? ''
  const ids = `${value('ID')} ${value('ID_LIKE')}`.toLowerCase()
  const family = families.find(([pattern]) => pattern.test(ids))?.[1] ?? 'other'
  const version = value('VERSION_ID')
  const major = version.split('.')[0]
  const folder = {
    ubuntu: `ubuntu${version.replace('.', '')}`,
    debian: `debian${major}`,
    fedora: `fedora${major}`,
    rhel: `rhel${major}`,
    suse: `${/\bsles\b/.test(value('ID')) ? 'sles' : 'opensuse'}${major}`,
    arch: '',
    other: '',
  }[family]
  // The numbers of a derived distribution are its own.
  const isItself = family === 'rhel' || family === 'suse' || value('ID') === family
  return {
    family,
    name: value('PRETTY_NAME') || value('ID') || 'unknown',
    cudaRepository: isItself && cudaRepositories.has(folder) ? folder : null,
  }
}

const apt = (...packages: string[]) => `sudo apt-get update && sudo apt-get install -y ${packages.join(' ')}`
const dnf = (...packages: string[]) => `sudo dnf install -y ${packages.join(' ')}`
const zypper = (...packages: string[]) => `sudo zypper --non-interactive install ${packages.join(' ')}`
const pacman = (...packages: string[]) => `sudo pacman -S --needed ${packages.join(' ')}`

const manuals = {
  driver: 'https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/',
  toolkit: 'https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html',
}
const see = (url: string) => `# see ${url}`

/** NVIDIA's driver. */
export function nvidiaDriver({ family }: Distribution): string[] {
  return {
    ubuntu: ['sudo ubuntu-drivers install', 'sudo reboot'],
    debian: [
      '# needs the components "contrib non-free non-free-firmware" in /etc/apt/sources.list',
      apt('linux-headers-amd64', 'nvidia-driver', 'firmware-misc-nonfree'),
      'sudo reboot',
    ],
    fedora: [
      `sudo dnf install -y https://download1.rpmfusion.org/{free/fedora/rpmfusion-free,nonfree/fedora/rpmfusion-nonfree}-release-$(rpm -E %fedora).noarch.rpm`,
      dnf('akmod-nvidia', 'xorg-x11-drv-nvidia-cuda'),
      'sudo reboot',
    ],
    rhel: [
      cudaRepository('rhel$(rpm -E %rhel)', 'dnf'),
      'sudo dnf module install -y nvidia-driver:open-dkms',
      'sudo reboot',
    ],
    suse: [zypper('nvidia-open-driver-G06-signed-kmp-default', 'nvidia-compute-utils-G06'), 'sudo reboot'],
    arch: [pacman('nvidia-open', 'nvidia-utils'), 'sudo reboot'],
    other: [see(manuals.driver)],
  }[family]
}

const repositories = 'https://developer.download.nvidia.com/compute/cuda/repos'

function cudaRepository(folder: string, manager: 'apt' | 'dnf' | 'zypper'): string {
  const url = `${repositories}/${folder}/x86_64`
  // The names of .repo files follow their folder.
  if (manager === 'apt')
    return `curl -fsSLO ${url}/cuda-keyring_1.1-1_all.deb && sudo dpkg -i cuda-keyring_1.1-1_all.deb`
  return manager === 'dnf'
    ? `sudo curl -fsSL ${url}/cuda-${folder}.repo -o /etc/yum.repos.d/cuda.repo`
    : `sudo zypper addrepo ${url}/cuda-${folder}.repo`
}

/** The libraries of CUDA 12 and cuDNN 9 that ONNX Runtime loads: from NVIDIA's repository, or where it has none by pip. */
export function cudaLibraries({ family, cudaRepository: folder }: Distribution): string[] {
  const packages = ['cuda-libraries-12-9', 'libcudnn9-cuda-12']
  if (folder !== null) {
    if (family === 'ubuntu' || family === 'debian') return [cudaRepository(folder, 'apt'), apt(...packages)]
    if (family === 'fedora' || family === 'rhel') return [cudaRepository(folder, 'dnf'), dnf(...packages)]
    if (family === 'suse') return [cudaRepository(folder, 'zypper'), zypper(...packages)]
  }
  const wheels = ['cuda-runtime', 'cublas', 'cufft', 'curand', 'cuda-nvrtc', 'nvjitlink', 'cudnn']
  return [
    `sudo python3 -m pip install --target /opt/kaisar-cuda ${wheels.map(name => `nvidia-${name}-cu12`).join(' ')}`,
    `ls -d /opt/kaisar-cuda/nvidia/*/lib | sudo tee /etc/ld.so.conf.d/kaisar-cuda.conf && sudo ldconfig`,
  ]
}

/** The Vulkan loader. */
export function vulkanLoader({ family }: Distribution): string[] {
  return {
    ubuntu: [apt('libvulkan1')],
    debian: [apt('libvulkan1')],
    fedora: [dnf('vulkan-loader')],
    rhel: [dnf('vulkan-loader')],
    suse: [zypper('libvulkan1')],
    arch: [pacman('vulkan-icd-loader')],
    other: ['# install the Vulkan loader, libvulkan.so.1, from your distribution'],
  }[family]
}

/**
 * The Vulkan driver (ICD) of a vendor.
 *
 * @param branch - of the NVIDIA driver that runs, as its parts must be of one version; null where none does
 */
export function vulkanDriver(
  { family }: Distribution,
  vendor: 'nvidia' | 'amd' | 'intel',
  branch: number | null,
): string[] {
  if (vendor === 'nvidia')
    return {
      ubuntu: [branch === null ? '# libnvidia-gl-<branch>, once the driver runs' : apt(`libnvidia-gl-${branch}`)],
      debian: [apt('nvidia-vulkan-icd')],
      fedora: [dnf('xorg-x11-drv-nvidia-libs')],
      rhel: [dnf('nvidia-driver-libs')],
      suse: [zypper('nvidia-gl-G06')],
      arch: [pacman('nvidia-utils')],
      other: [see(manuals.driver)],
    }[family]
  const mesa = vendor === 'amd' ? 'radeon' : 'intel'
  return {
    ubuntu: [apt('mesa-vulkan-drivers')],
    debian: [apt('mesa-vulkan-drivers')],
    fedora: [dnf('mesa-vulkan-drivers')],
    rhel: [dnf('mesa-vulkan-drivers')],
    suse: [zypper(`libvulkan_${mesa}`)],
    arch: [pacman(`vulkan-${mesa}`)],
    other: [`# install Mesa's Vulkan driver for ${mesa} from your distribution`],
  }[family]
}

/** NVIDIA's container toolkit. */
export function containerToolkit({ family }: Distribution): string[] {
  const url = 'https://nvidia.github.io/libnvidia-container'
  const keyring = '/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg'
  const deb = [
    `curl -fsSL ${url}/gpgkey | sudo gpg --dearmor -o ${keyring}`,
    `curl -fsSL ${url}/stable/deb/nvidia-container-toolkit.list | sed 's#deb https://#deb [signed-by=${keyring}] https://#' | sudo tee /etc/apt/sources.list.d/nvidia-container-toolkit.list`,
    apt('nvidia-container-toolkit'),
  ]
  const repository = `${url}/stable/rpm/nvidia-container-toolkit.repo`
  const rpm = [
    `sudo curl -fsSL ${repository} -o /etc/yum.repos.d/nvidia-container-toolkit.repo`,
    dnf('nvidia-container-toolkit'),
  ]
  return {
    ubuntu: deb,
    debian: deb,
    fedora: rpm,
    rhel: rpm,
    suse: [`sudo zypper addrepo ${repository}`, zypper('nvidia-container-toolkit')],
    arch: [pacman('nvidia-container-toolkit')],
    other: [see(manuals.toolkit)],
  }[family]
}

/** What lets Docker, and any engine with CDI, hand cards in. */
export const containerDevices = {
  docker: ['sudo nvidia-ctk runtime configure --runtime=docker', 'sudo systemctl restart docker'],
  cdi: ['sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml'],
} as const

export const renderGroup = ['sudo usermod -aG render "$USER"', '# then log in anew']

/** What a container has to be started with; nothing that is installed in it stands in for it. */
export const containerStart = {
  nvidia: [
    '# this is a container, and the driver is that of its host: start the container with',
    '#   docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics',
    '# a rented machine has both among its settings; there set the variable, and start it anew',
  ],
  renderNodes: [
    '# this is a container: start it with --device /dev/dri, for AMD --device /dev/kfd too, and with',
    '# --group-add of the number of its host’s group render; NVIDIA’s have the capability "graphics"',
  ],
} as const
