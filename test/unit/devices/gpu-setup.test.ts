/** Made-up hosts: what each lacks, and the commands of its distribution. */
import { describe, expect, it } from 'vitest'
import type { ExecutionProviderCheck } from '../../../src/core/devices/environment-probe.ts'
import {
  examineSetup,
  type GpuSetup,
  installParts,
  missingParts,
  setupLines,
} from '../../../src/core/devices/gpu-setup.ts'
import type { RunTool } from '../../../src/core/devices/host.ts'
import { cudaLibraries, nvidiaDriver, readDistribution } from '../../../src/core/devices/setup-commands.ts'

const runtimeFolder = '/kaisar/onnxruntime'
const installShaders = 'npm install --global webgpu@0.6.2'
const ubuntu = 'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'
const debian = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
const cudaLibraryNames = [
  ...['libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcufft.so.11', 'libcurand.so.10'],
  ...['libnvrtc.so.12', 'libcudnn.so.9'],
]

type FakeHost = {
  readonly texts?: Record<string, string>
  readonly folders?: Record<string, readonly string[]>
  readonly libraries?: readonly string[]
  /** Exit codes of tools by their command line; a tool that is not named is not installed. */
  readonly tools?: Record<string, number>
  readonly works?: readonly string[]
  readonly architecture?: string
  /** Whether the package `webgpu` is installed; default yes. */
  readonly shaders?: boolean
  /** The container's runtime. */
  readonly container?: string
  /** Whether the user is root, and there is no sudo. */
  readonly isBareRoot?: boolean
}

async function examine({
  texts = {},
  folders = {},
  libraries = [],
  tools = {},
  works = [],
  architecture = 'x64',
  shaders = true,
  container,
  isBareRoot = false,
}: FakeHost) {
  const run: RunTool = async (command, args) => {
    const line = [command, ...args].join(' ')
    const outputs: Record<string, string> = {
      '/sbin/ldconfig -p': libraries.map(name => `\t${name} (libc6,x86-64) => /lib/${name}\n`).join(''),
      'id -u': isBareRoot ? '0\n' : '1000\n',
    }
    const exitCode = line in outputs ? 0 : (tools[line] ?? null)
    return {
      stdout: outputs[line] ?? '',
      stderr: '',
      exitCode,
      failure: exitCode === null ? 'missing' : null,
    }
  }
  const host = {
    run,
    architecture,
    platform: 'linux' as const,
    readText: async (path: string) => texts[path] ?? null,
    list: async (path: string) => folders[path] ?? null,
  }
  const tried = ['cuda', 'webgpu', 'cpu'].map(
    (provider): ExecutionProviderCheck => ({
      provider,
      loadable: works.includes(provider),
      onnxRuntime: null,
      reason: works.includes(provider) ? null : `${provider} did not start`,
    }),
  )
  const webgpu = { found: shaders, command: installShaders }
  const options = { runtimeFolder, libraryFolders: [], container: container ?? null, webgpu }
  return examineSetup(options, { host, tried })
}

/** Cards on the bus, by vendor id. */
function bus(...vendorIds: string[]) {
  const addresses = vendorIds.map((_, at) => `0000:0${at + 1}:00.0`)
  return {
    folders: { '/sys/bus/pci/devices': addresses },
    texts: Object.fromEntries(
      addresses.flatMap((address, at) =>
        Object.entries({ class: '0x030200\n', vendor: `0x${vendorIds[at]}\n`, device: '0x2330\n' }).map(
          ([file, text]) => [`/sys/bus/pci/devices/${address}/${file}`, text],
        ),
      ),
    ),
  }
}

const procVersion = (version: string) =>
  `NVRM version: NVIDIA UNIX x86_64 Kernel Module  ${version}  Tue Mar 18 02:11:40 UTC 2025\n`
const engineOf = (setup: GpuSetup, name: string) => setup.engines.find(({ engine }) => engine === name)!
const states = (setup: GpuSetup) => Object.fromEntries(setup.engines.map(({ engine, state }) => [engine, state]))
const missingOf = (setup: GpuSetup) => missingParts(setup).map(({ name }) => name)

const nvidia = bus('10de', '10de')
const nvidiaWhole: FakeHost = {
  texts: {
    ...nvidia.texts,
    '/etc/os-release': ubuntu,
    '/proc/driver/nvidia/version': procVersion('570.124.06'),
    '/usr/share/vulkan/icd.d/nvidia_icd.json': '{"ICD": {"library_path": "libGLX_nvidia.so.0"}}',
    '/etc/docker/daemon.json': '{"runtimes": {"nvidia": {}}}',
  },
  folders: {
    ...nvidia.folders,
    '/usr/share/vulkan/icd.d': ['nvidia_icd.json'],
    '/dev/dri': ['card0', 'renderD128'],
    [runtimeFolder]: ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'],
  },
  libraries: ['libcuda.so.1', 'libvulkan.so.1', ...cudaLibraryNames],
  tools: { 'test -w /dev/dri/renderD128': 0, 'docker --version': 0, 'nvidia-ctk --version': 0 },
  works: ['cuda', 'webgpu', 'cpu'],
}

describe('a host', () => {
  it('without a card needs nothing but its CPU', async () => {
    const setup = await examine({ texts: { '/etc/os-release': debian }, works: ['cpu'] })
    expect(states(setup)).toEqual({ cuda: 'unused', webgpu: 'unused', cpu: 'works', containers: 'unused' })
    expect(missingParts(setup)).toEqual([])
    // A card that should be there is looked for where such hosts lose it.
    expect(setupLines(setup).join('\n')).toMatch(/No card is seen.*--gpus all.*lspci/s)
  })

  it('in a container is told what the container is started with, and to install no driver of the host', async () => {
    const folders = { ...nvidiaWhole.folders!, '/dev/dri': [], '/usr/share/vulkan/icd.d': [] }
    const setup = await examine({
      ...nvidiaWhole,
      folders,
      libraries: nvidiaWhole.libraries!.filter(name => name !== 'libcuda.so.1'),
      works: ['cpu'],
      container: 'docker',
    })
    expect(missingOf(setup)).toEqual(['NVIDIA driver', 'Vulkan driver of NVIDIA', 'access to render nodes'])
    const commands = missingParts(setup).flatMap(each => each.commands)
    expect(commands.filter(command => !command.startsWith('#'))).toEqual([])
    expect(commands.join('\n')).toContain('--gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics')
    expect(commands.join('\n')).toContain('--device /dev/dri')
  })

  it('whose user is root without sudo, as in rented containers, is told no command with sudo', async () => {
    const bare = { texts: { ...nvidia.texts, '/etc/os-release': ubuntu }, folders: nvidia.folders, works: ['cpu'] }
    const commandsOf = async (host: FakeHost) =>
      missingParts(await examine(host))
        .flatMap(({ commands }) => commands)
        .join('\n')
    expect(await commandsOf(bare)).toContain('sudo ubuntu-drivers install')
    const asRoot = await commandsOf({ ...bare, isBareRoot: true })
    expect(asRoot).toContain('apt-get update && apt-get install -y libvulkan1')
    expect(asRoot).not.toContain('sudo')
    // Who is root and has sudo may go on with it.
    const tools = { 'sudo --version': 0 }
    expect(await commandsOf({ ...bare, isBareRoot: true, tools })).toContain('sudo apt-get')
  })

  it('that has everything says so, and tells no command', async () => {
    const setup = await examine(nvidiaWhole)
    expect(setupLines(setup).join('\n')).not.toContain('No card is seen')
    expect(states(setup)).toEqual({ cuda: 'works', webgpu: 'works', cpu: 'works', containers: 'ready' })
    expect(missingParts(setup)).toEqual([])
    expect(setup.cards).toHaveLength(2)
    expect(setupLines(setup)[0]).toBe('Ubuntu 24.04.3 LTS; cards: 2 of nvidia')
  })

  it('with a bare card of NVIDIA lacks driver, runtime, libraries, Vulkan; each with its commands, once', async () => {
    const setup = await examine({
      texts: { ...nvidia.texts, '/etc/os-release': debian },
      folders: nvidia.folders,
      works: ['cpu'],
    })
    expect(states(setup)).toMatchObject({
      cuda: 'incomplete',
      webgpu: 'incomplete',
      cpu: 'works',
      containers: 'unused',
    })
    expect(engineOf(setup, 'cuda').reason).toBe('cuda did not start')
    expect(missingOf(setup)).toEqual([
      'NVIDIA driver',
      'ONNX Runtime’s CUDA part',
      'CUDA 12 and cuDNN 9',
      'Vulkan loader',
      'Vulkan driver of NVIDIA',
      'access to render nodes',
    ])
    const text = setupLines(setup).join('\n')
    expect(text).toContain('apt-get install -y linux-headers-amd64 nvidia-driver firmware-misc-nonfree')
    expect(text).toContain('/repos/debian12/x86_64/cuda-keyring_1.1-1_all.deb')
    expect(text).toContain('kaisar provider setup-gpu --install')
  })

  it('names the libraries that the loader does not find', async () => {
    const setup = await examine({
      ...nvidiaWhole,
      libraries: nvidiaWhole.libraries!.filter(name => !/cudnn|cufft/.test(name)),
      works: ['webgpu', 'cpu'],
    })
    const [missing] = missingParts(setup)
    expect(missing).toMatchObject({ detail: 'the loader does not find libcufft.so.11, libcudnn.so.9' })
    expect(states(setup)).toMatchObject({ cuda: 'incomplete', webgpu: 'works' })
  })

  it('is offered the package webgpu, which no engine needs, with its command', async () => {
    const setup = await examine({ ...nvidiaWhole, shaders: false })
    expect(states(setup)).toMatchObject({ cuda: 'works', webgpu: 'works' })
    expect(missingParts(setup)).toMatchObject([{ name: 'package webgpu', optional: true, commands: [installShaders] }])
    expect(setupLines(setup).filter(line => /webgpu/.test(line))).toEqual([
      'webgpu     works',
      expect.stringMatching(/^ {2}to gain package webgpu: .*products of bytes.*132 MB/),
      'For package webgpu:',
      `  ${installShaders}`,
    ])
    // What can be done without is not why an engine does not work.
    expect(states(await examine({ ...nvidiaWhole, shaders: false, works: ['cpu'] })).webgpu).toBe('broken')
    const without = await examine({ texts: { '/etc/os-release': debian }, works: ['cpu'], shaders: false })
    expect(missingParts(without)).toEqual([])
  })

  it('whose parts are all there and that does not compute is broken, not incomplete', async () => {
    expect(states(await examine({ ...nvidiaWhole, works: ['cpu'] }))).toMatchObject({
      cuda: 'broken',
      webgpu: 'broken',
    })
  })

  it('with an old driver is told which one is needed', async () => {
    const texts = { ...nvidiaWhole.texts, '/proc/driver/nvidia/version': procVersion('470.256.02') }
    const [driver] = missingParts(await examine({ ...nvidiaWhole, texts, works: ['cpu'] }))
    expect(driver).toMatchObject({ name: 'NVIDIA driver', detail: '470.256.02 is older than 525.60.13' })
  })

  it('takes the Vulkan driver of the branch that runs, as a server’s packages leave it out', async () => {
    const { '/usr/share/vulkan/icd.d': _, ...folders } = nvidiaWhole.folders!
    const [icd] = missingParts(await examine({ ...nvidiaWhole, folders, works: ['cuda', 'cpu'] }))
    expect(icd!.commands.join()).toContain('libnvidia-gl-570')
  })

  it('on another processor has no part of ONNX Runtime for cards, and nothing to run for one', async () => {
    const setup = await examine({ ...nvidiaWhole, architecture: 'arm64', works: ['cpu'] })
    const parts = setup.engines.flatMap(({ parts }) =>
      parts.filter(({ detail }) => detail === 'there is none for arm64'),
    )
    expect(parts.map(({ name }) => name)).toEqual(['ONNX Runtime’s CUDA part', 'ONNX Runtime’s WebGPU'])
    expect(parts.flatMap(({ commands, own }) => [...commands, own])).toEqual([undefined, undefined])
  })

  it.each([
    ['1002', 'AMD', '/usr/lib/libvulkan_radeon.so'],
    ['8086', 'Intel', 'libvulkan_intel.so'],
  ])('with a card of %s (%s) needs Vulkan alone; a software driver is none', async (vendorId, title, library) => {
    const card = bus(vendorId)
    const folders = {
      ...card.folders,
      '/dev/dri': ['renderD128'],
      '/usr/share/vulkan/icd.d': ['lvp_icd.x86_64.json', 'x.json'],
    }
    const of = (path: string) => ({
      texts: {
        ...card.texts,
        '/etc/os-release': debian,
        '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json': '{"ICD": {"library_path": "libvulkan_lvp.so"}}',
        '/usr/share/vulkan/icd.d/x.json': `{"ICD": {"library_path": "${path}"}}`,
      },
      folders,
      libraries: ['libvulkan.so.1'],
      tools: { 'test -w /dev/dri/renderD128': 1 },
    })
    expect(states(await examine(of(library)))).toMatchObject({ cuda: 'unused', containers: 'unused' })
    expect(missingParts(await examine(of(library)))).toMatchObject([
      { name: 'access to render nodes', commands: ['sudo usermod -aG render "$USER"', '# then log in anew'] },
      { name: 'ONNX Runtime' },
    ])
    expect(missingOf(await examine(of('libvulkan_lvp.so')))).toContain(`Vulkan driver of ${title}`)
  })

  it('with podman needs a description of its cards, with docker a runtime', async () => {
    const tools = { ...nvidiaWhole.tools, 'podman --version': 0, 'nvidia-ctk --version': 127 }
    const texts = { ...nvidiaWhole.texts, '/etc/docker/daemon.json': '{}' }
    const setup = await examine({ ...nvidiaWhole, texts, tools })
    expect(missingOf(setup)).toEqual([
      'nvidia-container-toolkit',
      'Docker’s NVIDIA runtime',
      'CDI description of the cards',
    ])
    const folders = { ...nvidiaWhole.folders, '/etc/cdi': ['nvidia.yaml'] }
    expect(
      missingOf(await examine({ ...nvidiaWhole, folders, tools: { ...tools, 'nvidia-ctk --version': 0 } })),
    ).toEqual([])
  })
})

describe('a distribution', () => {
  it.each([
    [ubuntu, 'ubuntu', 'ubuntu2404'],
    [debian, 'debian', 'debian12'],
    ['ID=debian\nVERSION_ID="13"\n', 'debian', null],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n', 'ubuntu', null],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.5"\n', 'rhel', 'rhel9'],
    ['ID=fedora\nVERSION_ID=41\n', 'fedora', 'fedora41'],
    ['ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n', 'suse', 'opensuse15'],
    ['ID="sles"\nVERSION_ID="15.6"\n', 'suse', 'sles15'],
    ['ID=arch\n', 'arch', null],
    ['', 'other', null],
  ])('is read from %j: %s, %s', (text, family, cudaRepository) => {
    expect(readDistribution(text)).toMatchObject({ family, cudaRepository })
  })

  it('has commands for the driver and CUDA, whatever it is; without a repository pip brings the libraries', () => {
    for (const text of [
      ubuntu,
      debian,
      'ID=fedora\nVERSION_ID=41\n',
      'ID="rhel"\nVERSION_ID="9"',
      'ID=sles\nVERSION_ID=15',
      'ID=arch',
      '',
    ])
      for (const commands of [nvidiaDriver(readDistribution(text)), cudaLibraries(readDistribution(text))])
        expect(commands.join('\n')).toMatch(/\S/)
    expect(cudaLibraries(readDistribution('ID=arch')).join()).toMatch(/pip install .*nvidia-cudnn-cu12.*ldconfig/)
    expect(cudaLibraries(readDistribution('ID=fedora\nVERSION_ID=41\n')).join()).toContain('cuda-fedora41.repo')
  })
})

describe('installing', () => {
  const parts = [
    { name: 'own', found: false, detail: '', commands: ['kaisar provider setup-gpu --install'], own: true },
    { name: 'driver', found: false, detail: '', commands: ['# read this', 'sudo one', 'sudo two', 'sudo reboot'] },
    { name: 'loader', found: false, detail: '', commands: ['sudo three'] },
  ]
  const install = async (may: (command: string) => boolean, exits: Record<string, number> = {}) => {
    const ran: string[] = []
    const steps = await installParts(parts, {
      fetchOwn: async () => true,
      ask: async command => may(command),
      shell: async command => {
        ran.push(command)
        return exits[command] ?? 0
      },
    })
    return { ran, outcomes: steps.map(({ outcome }) => outcome) }
  }

  it('runs nothing but its own part without an answer', async () => {
    expect(await install(() => false)).toEqual({ ran: [], outcomes: ['done', 'left', 'left', 'left', 'left'] })
  })

  it('runs what was agreed to, in order, and never restarts the machine', async () => {
    expect(await install(() => true)).toEqual({
      ran: ['sudo one', 'sudo two', 'sudo three'],
      outcomes: ['done', 'done', 'done', 'left', 'done'],
    })
  })

  it('never restarts the machine as root either', async () => {
    const steps = await installParts([{ name: 'driver', found: false, detail: '', commands: ['one', 'reboot'] }], {
      fetchOwn: async () => true,
      ask: async () => true,
      shell: async () => 0,
    })
    expect(steps.map(({ outcome }) => outcome)).toEqual(['done', 'left'])
  })

  it('leaves what builds on a command that failed, and goes on with the next part', async () => {
    expect(await install(() => true, { 'sudo one': 1 })).toEqual({
      ran: ['sudo one', 'sudo three'],
      outcomes: ['done', 'failed', 'left', 'left', 'done'],
    })
  })
})
