import { join } from 'node:path'
import { judgeDriver } from './driver-policy.ts'
import type { ExecutionProviderCheck } from './environment-probe.ts'
import type { Host } from './host.ts'
import { readHostFacts } from './host-probe.ts'
import type { Vendor } from './observation.ts'
import { vendorOfId } from './pci-cards.ts'
import {
  containerDevices,
  containerStart,
  containerToolkit,
  cudaLibraries,
  type Distribution,
  nvidiaDriver,
  readDistribution,
  renderGroup,
  vulkanDriver,
  vulkanLoader,
} from './setup-commands.ts'
/** What each engine of ONNX Runtime needs on this host, what of it is there, and what installs the rest. */

export type SetupPart = {
  readonly name: string
  readonly found: boolean
  /** What was found, or what is missing. */
  readonly detail: string
  /** What installs it, in order; a line that begins with # is for people. Empty where it is found. */
  readonly commands: readonly string[]
  /** The one part that needs no root: `kaisar provider setup-gpu --install` fetches it. */
  readonly own?: boolean
  /** The engine works without it, more slowly. */
  readonly optional?: boolean
}

type EngineSetup = {
  readonly engine: 'cuda' | 'webgpu' | 'cpu' | 'containers'
  /** `works`: a product was computed with it. `broken`: every part is there, and it was not. `unused`: nothing here needs it. */
  readonly state: 'works' | 'ready' | 'incomplete' | 'broken' | 'unused'
  readonly reason: string | null
  readonly parts: readonly SetupPart[]
}

export type GpuSetup = {
  readonly distribution: Distribution
  readonly cards: readonly { readonly vendor: Vendor; readonly address: string; readonly driver: string | null }[]
  readonly engines: readonly EngineSetup[]
}

export type GpuSetupOptions = {
  /** Folder of ONNX Runtime's native libraries. */
  readonly runtimeFolder: string
  /** Folders that LD_LIBRARY_PATH names. */
  readonly libraryFolders: readonly string[]
  /** The container that this runs in, or null: drivers are then its host's, and cards are handed in. */
  readonly container: string | null
  /** The package `webgpu`: whether it is installed, and what installs it. */
  readonly webgpu: { readonly found: boolean; readonly command: string }
}

export type GpuSetupDependencies = {
  readonly host: Pick<Host, 'readText' | 'list' | 'run' | 'platform' | 'architecture'>
  /** What `provider doctor` tries too: one product through each engine. */
  readonly tried: readonly ExecutionProviderCheck[]
}

/** Loaded by ONNX Runtime's CUDA part as it starts (its documentation: CUDA 12, cuDNN 9). */
const cudaNeeds = [
  ...['libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcufft.so.11'],
  ...['libcurand.so.10', 'libnvrtc.so.12', 'libcudnn.so.9'],
]
const runtimeNeeds = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so']

/** Where loaders of Vulkan look for drivers (Vulkan-Loader's LoaderDriverInterface). */
const icdFolders = ['/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/usr/share/vulkan/icd.d']
const icdOf: Readonly<Record<Vendor, RegExp>> = {
  nvidia: /nvidia/i,
  amd: /radeon|amdvlk|amd_icd/i,
  intel: /intel/i,
}

/** What the package `webgpu` is for. */
export const webgpuBrings =
  'memory rounds, without which a card earns nothing, and tensor rounds in products of bytes by WebGPU, which otherwise computes them in fp32'

const part = (name: string, found: boolean, detail: string, commands: readonly string[]): SetupPart => ({
  name,
  found,
  detail,
  commands: found ? [] : commands,
})

/** Reads the host. Changes nothing, and needs no root. */
export async function examineSetup(options: GpuSetupOptions, dependencies: GpuSetupDependencies): Promise<GpuSetup> {
  const { host, tried } = dependencies
  const [release, facts, libraries, renderNodes] = await Promise.all([
    host.readText('/etc/os-release', 16 * 1024),
    readHostFacts(host),
    readLibraries(options.libraryFolders, host),
    host.list('/dev/dri').then(names => (names ?? []).filter(name => name.startsWith('renderD'))),
  ])
  const distribution = readDistribution(release ?? '')
  const cards = (facts.pciCards ?? []).flatMap(({ vendorId, address, driver }) => {
    const vendor = vendorOfId(vendorId)
    return vendor === undefined ? [] : [{ vendor, address, driver }]
  })
  // A guest or a container may show no bus, and a driver all the same.
  const nvidiaVersion = facts.nvidiaKernelDriver ?? null
  const present = [...new Set([...cards.map(({ vendor }) => vendor), ...(nvidiaVersion ? (['nvidia'] as const) : [])])]
  const checkOf = (provider: string) => tried.find(each => each.provider === provider)
  const hasNvidia = present.includes('nvidia')

  const isContained = options.container !== null
  const driverCommands = isContained ? containerStart.nvidia : nvidiaDriver(distribution)
  const driver = nvidiaDriverPart(nvidiaVersion, libraries, driverCommands)
  const runtimeFiles = (await host.list(options.runtimeFolder)) ?? []
  const cuda = hasNvidia
    ? engine('cuda', checkOf('cuda'), [
        driver,
        runtimePart(host.architecture, options.runtimeFolder, runtimeFiles),
        librariesPart(distribution, libraries),
      ])
    : unused('cuda', 'there is no NVIDIA card')

  const branch = nvidiaVersion === null ? null : Number.parseInt(nvidiaVersion, 10)
  const vulkan = [
    part('Vulkan loader', libraries.has('libvulkan.so.1'), 'libvulkan.so.1', vulkanLoader(distribution)),
    ...(await Promise.all(
      present.map(vendor => {
        const isHanded = isContained && vendor === 'nvidia'
        return icdPart(vendor, isHanded ? containerStart.nvidia : vulkanDriver(distribution, vendor, branch), host)
      }),
    )),
    ...(present.length > 0 ? [await renderPart(renderNodes, isContained, host)] : []),
  ]
  const webgpu =
    present.length > 0
      ? engine('webgpu', checkOf('webgpu'), [
          ...(host.architecture === 'x64' || checkOf('webgpu')?.loadable
            ? []
            : [part('ONNX Runtime’s WebGPU', false, `there is none for ${host.architecture}`, [])]),
          ...(hasNvidia ? [driver] : []),
          ...vulkan,
          shadersPart(options.webgpu),
        ])
      : unused('webgpu', 'there is no GPU')

  const cpu = engine('cpu', checkOf('cpu'), [
    part('ONNX Runtime', checkOf('cpu')?.loadable === true, `for ${host.platform}/${host.architecture}`, [
      '# install kaisar anew, as docs/install.md says',
    ]),
  ])
  const containers = await containersOf(distribution, hasNvidia, host)
  const engines = [cuda, webgpu, cpu, containers]
  return { distribution, cards, engines: (await isRootWithoutSudo(host)) ? engines.map(withoutSudo) : engines }
}

/** As in the images that rented machines start: root, and nothing that makes one root. */
async function isRootWithoutSudo({ run }: Pick<Host, 'run'>): Promise<boolean> {
  if ((await run('sudo', ['--version'])).failure !== 'missing') return false
  return (await run('id', ['-u'])).stdout.trim() === '0'
}

const withoutSudo = (engine: EngineSetup): EngineSetup => ({
  ...engine,
  parts: engine.parts.map(each => ({
    ...each,
    commands: each.commands.map(command => command.replaceAll(/\bsudo /g, '')),
  })),
})

function engine(
  name: EngineSetup['engine'],
  check: ExecutionProviderCheck | undefined,
  parts: SetupPart[],
): EngineSetup {
  if (check?.loadable) return { engine: name, state: 'works', reason: null, parts }
  const isWhole = parts.every(({ found, optional }) => found || optional)
  return { engine: name, state: isWhole ? 'broken' : 'incomplete', reason: check?.reason ?? null, parts }
}

const unused = (name: EngineSetup['engine'], reason: string): EngineSetup => ({
  engine: name,
  state: 'unused',
  reason,
  parts: [],
})

/** Names of the shared libraries that the loader finds. */
async function readLibraries(
  folders: readonly string[],
  { list, run }: Pick<Host, 'list' | 'run'>,
): Promise<ReadonlySet<string>> {
  const listed = await Promise.all(folders.map(list))
  let cache = ''
  // Debian's users have no sbin in their path.
  for (const tool of ['ldconfig', '/sbin/ldconfig']) {
    const { exitCode, stdout } = await run(tool, ['-p'])
    if (exitCode === 0) {
      cache = stdout
      break
    }
  }
  const known = [...cache.matchAll(/^\s*(\S+\.so[\w.]*) \(/gm)].map(([, name]) => name!)
  return new Set([...known, ...listed.flatMap(names => names ?? [])])
}

function nvidiaDriverPart(
  version: string | null,
  libraries: ReadonlySet<string>,
  commands: readonly string[],
): SetupPart {
  const name = 'NVIDIA driver'
  if (version === null) return part(name, false, 'no kernel module is loaded', commands)
  const old = judgeDriver('nvidia', version, { os: 'linux' }).tooOldFor.find(rule => rule.executionProvider === 'cuda')
  if (old) return part(name, false, `${version} is older than ${old.minimum}`, commands)
  const isWhole = libraries.has('libcuda.so.1')
  return part(name, isWhole, isWhole ? version : `${version} without its library libcuda.so.1`, commands)
}

function runtimePart(architecture: string, runtimeFolder: string, files: readonly string[]): SetupPart {
  const name = 'ONNX Runtime’s CUDA part'
  if (architecture !== 'x64') return part(name, false, `there is none for ${architecture}`, [])
  const missing = runtimeNeeds.filter(each => !files.includes(each))
  const found = missing.length === 0
  const detail = found ? runtimeFolder : `missing in ${runtimeFolder}: ${missing.join(', ')}`
  return { ...part(name, found, detail, ['kaisar provider setup-gpu --install']), own: true }
}

function librariesPart(on: Distribution, libraries: ReadonlySet<string>): SetupPart {
  const missing = cudaNeeds.filter(each => !libraries.has(each))
  const detail = missing.length === 0 ? 'all there' : `the loader does not find ${missing.join(', ')}`
  return part('CUDA 12 and cuDNN 9', missing.length === 0, detail, cudaLibraries(on))
}

/** Without it ONNX Runtime computes in fp32, and no memory round is worked on a card. */
function shadersPart({ found, command }: GpuSetupOptions['webgpu']): SetupPart {
  const detail = found ? 'memory rounds, and products of bytes' : `${webgpuBrings}; 132 MB from the npm registry`
  return { ...part('package webgpu', found, detail, [command]), optional: true }
}

async function icdPart(
  vendor: Vendor,
  commands: readonly string[],
  host: Pick<Host, 'readText' | 'list'>,
): Promise<SetupPart> {
  const found: string[] = []
  for (const folder of icdFolders)
    for (const name of (await host.list(folder)) ?? []) {
      if (!name.endsWith('.json')) continue
      // The file's name is free; the library in it is not.
      const text = (await host.readText(join(folder, name), 64 * 1024)) ?? ''
      const library = /"library_path"\s*:\s*"([^"]*)"/.exec(text)?.[1] ?? ''
      if (icdOf[vendor].test(library.split('/').at(-1) ?? '') || (library === '' && icdOf[vendor].test(name)))
        found.push(join(folder, name))
    }
  const titles = { nvidia: 'NVIDIA', amd: 'AMD', intel: 'Intel' }
  const detail = found[0] ?? `no driver of it in ${icdFolders.join(', ')}`
  return part(`Vulkan driver of ${titles[vendor]}`, found.length > 0, detail, commands)
}

/** Vulkan drivers open the render node, which belongs to a group of its own. */
async function renderPart(
  nodes: readonly string[],
  isContained: boolean,
  { run }: Pick<Host, 'run'>,
): Promise<SetupPart> {
  const name = 'access to render nodes'
  const noNode = ['# they come with the driver: install it first']
  if (nodes.length === 0)
    return part(name, false, 'there is no /dev/dri/renderD*', isContained ? containerStart.renderNodes : noNode)
  const closed: string[] = []
  for (const node of nodes) {
    const { exitCode, failure } = await run('test', ['-w', `/dev/dri/${node}`])
    if (failure === null && exitCode === 1) closed.push(node)
  }
  const detail = closed.length === 0 ? nodes.join(', ') : `this user may not open ${closed.join(', ')}`
  return part(name, closed.length === 0, detail, isContained ? containerStart.renderNodes : renderGroup)
}

/** Only where there is an engine for containers and a card of NVIDIA: AMD's and Intel's are plain device nodes. */
async function containersOf(
  on: Distribution,
  hasNvidia: boolean,
  { readText, list, run }: Pick<Host, 'readText' | 'list' | 'run'>,
): Promise<EngineSetup> {
  if (!hasNvidia) return unused('containers', 'there is no NVIDIA card, and others are handed in as device nodes')
  const answers = async (tool: string) => (await run(tool, ['--version'])).exitCode === 0
  const [docker, podman, toolkit] = await Promise.all([answers('docker'), answers('podman'), answers('nvidia-ctk')])
  if (!docker && !podman) return unused('containers', 'neither docker nor podman is installed')
  const parts = [part('nvidia-container-toolkit', toolkit, 'nvidia-ctk', containerToolkit(on))]
  if (docker) {
    const settings = (await readText('/etc/docker/daemon.json', 64 * 1024)) ?? ''
    parts.push(
      part('Docker’s NVIDIA runtime', /"nvidia"/.test(settings), '/etc/docker/daemon.json', containerDevices.docker),
    )
  }
  if (podman) {
    const specs = (await Promise.all(['/etc/cdi', '/var/run/cdi'].map(list))).flatMap(names => names ?? [])
    const found = specs.some(name => /nvidia.*\.(ya?ml|json)$/.test(name))
    parts.push(part('CDI description of the cards', found, '/etc/cdi, /var/run/cdi', containerDevices.cdi))
  }
  const state = parts.every(({ found }) => found) ? 'ready' : 'incomplete'
  return { engine: 'containers', state, reason: null, parts }
}

/** Every part that is missing, those that can be done without too, once, in the order of the engines. */
export function missingParts({ engines }: GpuSetup): SetupPart[] {
  const missing = engines.flatMap(({ parts }) => parts.filter(({ found }) => !found))
  return missing.filter((each, at) => missing.findIndex(({ name }) => name === each.name) === at)
}

/** Whether a card was seen, on the bus or by its driver. */
export const hasCard = ({ engines }: GpuSetup): boolean =>
  engines.some(({ engine, state }) => engine === 'webgpu' && state !== 'unused')

const noCard = [
  'No card is seen; the CPU can take part, for little. Where a card should be:',
  '  in a container, start it with --gpus all (NVIDIA) or --device /dev/dri (others)',
  '  in a virtual machine, its host has to pass it through; "lspci" shows it then',
]

/** The examination as lines for people. */
export function setupLines(setup: GpuSetup): string[] {
  const { distribution, cards, engines } = setup
  const counts = Map.groupBy(cards, ({ vendor }) => vendor)
  const found = [...counts].map(([vendor, all]) => `${all.length} of ${vendor}`).join(', ')
  const lines = [`${distribution.name}; cards: ${found || 'none on the bus'}`]
  for (const { engine: name, state, reason, parts } of engines) {
    lines.push(`${name.padEnd(10)} ${state}${reason === null ? '' : ` (${reason})`}`)
    for (const { name: what, found: there, optional, detail } of parts)
      lines.push(`  ${there ? 'found  ' : optional ? 'to gain' : 'MISSING'} ${what}: ${detail}`)
  }
  if (!hasCard(setup)) lines.push('', ...noCard)
  const missing = missingParts(setup).filter(({ commands }) => commands.length > 0)
  for (const { name, commands } of missing) lines.push('', `For ${name}:`, ...commands.map(each => `  ${each}`))
  return lines
}

export type InstallDependencies = {
  /** Fetches ONNX Runtime's CUDA part; false where it failed. */
  readonly fetchOwn: () => Promise<boolean>
  /** Whether a command may be run: never without an answer. */
  readonly ask: (command: string) => Promise<boolean>
  /** Runs it on the terminal; its exit code. */
  readonly shell: (command: string) => Promise<number>
}

export type InstallStep = {
  readonly command: string
  readonly outcome: 'done' | 'failed' | 'left'
}

/**
 * Installs what is missing: its own part at once, everything else command by command, each only after it was agreed to.
 * What follows a command that failed or was refused is left, as it builds on it.
 */
export async function installParts(
  parts: readonly SetupPart[],
  { fetchOwn, ask, shell }: InstallDependencies,
): Promise<InstallStep[]> {
  const steps: InstallStep[] = []
  for (const { commands, own } of parts) {
    let goOn = true
    for (const command of commands) {
      if (command.startsWith('#')) continue
      if (own) steps.push({ command, outcome: (await fetchOwn()) ? 'done' : 'failed' })
      // After a restart the command is run again, and finds more.
      else if (!goOn || /^(sudo )?reboot$/.test(command) || !(await ask(command))) {
        goOn = false
        steps.push({ command, outcome: 'left' })
      } else {
        goOn = (await shell(command)) === 0
        steps.push({ command, outcome: goOn ? 'done' : 'failed' })
      }
    }
  }
  return steps
}
