import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { parseJson } from '../platform/output.ts'
import { ownFile } from '../platform/own-files.ts'
import { printable } from '../platform/printable.ts'
import type { EnvironmentRecord } from '../protocol/device-record.ts'
import { firstFit } from './cell.ts'
import type { Host } from './host.ts'

export type EnvironmentOptions = {
  /** Version of this program. */
  readonly kaisar: string
  /** Where state is kept: its file system's free space is reported. */
  readonly dataDirectory: string
  /** Local clock minus the latest block's timestamp, in ms; null where no chain is connected. */
  readonly clockOffsetMs: number | null
  /** Providers to try, best first; default: all that exist for this platform. */
  readonly executionProviders?: readonly string[]
}

/** ONNX Runtime's providers by platform, best first; there is no ROCm provider in onnxruntime-node. */
const providersOf: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['cuda', 'webgpu', 'cpu'],
  darwin: ['webgpu', 'cpu'],
  win32: ['dml', 'webgpu', 'cpu'],
}

export type ExecutionProviderCheck = {
  readonly provider: string
  readonly loadable: boolean
  readonly onnxRuntime: string | null
  /** Why it does not load, in words; null where it does. */
  readonly reason: string | null
}

/** What the runtime's errors mean. */
const loadErrors: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/libonnxruntime_providers_\w+\.so.*cannot open/i, 'ONNX Runtime’s part for it is not installed'],
  [/(lib[\w+-]+\.so[\d.]*): cannot open shared object/i, 'the library $1 is not installed'],
  [/no supported adapters|WebGPU adapter|no adapter/i, 'no GPU with a Vulkan driver was found'],
  [/vulkan/i, 'Vulkan does not start: its loader or driver is missing'],
  [/driver version is insufficient/i, 'the NVIDIA driver is too old for it'],
  [/no CUDA-capable device|CUDA_ERROR_NO_DEVICE/i, 'there is no NVIDIA card that CUDA can use'],
  [/not (?:supported|available)|unknown|invalid.*provider|no such/i, 'this build of ONNX Runtime does not have it'],
]

function reasonOf(said: string): string | null {
  for (const [pattern, reason] of loadErrors) {
    const match = pattern.exec(said)
    if (match) return reason.replace('$1', match[1] ?? '')
  }
  return null
}

const checkFile = fileURLToPath(ownFile('core/devices/execution-provider-check'))

/** Runs a product through one execution provider in a child process (see execution-provider-check.ts). */
async function checkExecutionProvider({ run }: Host, provider: string): Promise<ExecutionProviderCheck> {
  const output = await run(process.execPath, [checkFile, provider], {
    timeoutMs: 60_000,
    maxBytes: 1 << 20,
  })
  const answer = parseJson(output.stdout.trim().split('\n').at(-1) ?? '') as { onnxRuntime?: string } | undefined
  // An exit code without the answer is not an answer.
  if (output.exitCode === 0 && answer)
    return { provider, loadable: true, onnxRuntime: answer.onnxRuntime ?? null, reason: null }
  const lines = stripVTControlCharacters(output.stderr).split('\n')
  const said = lines.find(line => /error/i.test(line)) ?? lines[0] ?? ''
  // ONNX Runtime puts file, function and condition before what failed.
  const telling = said
    .split(/ was false\. | FAIL : /)
    .at(-1)
    ?.trim()
    .slice(0, 300)
  return {
    provider,
    loadable: false,
    onnxRuntime: null,
    reason:
      output.failure === null
        ? (reasonOf(telling ?? '') ?? `the attempt ended with exit code ${output.exitCode}`)
        : `the attempt failed: ${output.failure}`,
  }
}

/** The hypervisor as far as it can be seen without privileges, or null. */
export async function readVirtualisation({ readText }: Pick<Host, 'readText'>): Promise<string | null> {
  const product = [
    await readText('/sys/class/dmi/id/sys_vendor', 256),
    await readText('/sys/class/dmi/id/product_name', 256),
  ]
    .filter(Boolean)
    .join(' ')
  const known = firstFit(product, [
    [/amazon ec2/i, 'amazon-ec2'],
    [/google compute/i, 'google-compute'],
    [/microsoft corporation.*virtual/is, 'hyper-v'],
    [/vmware/i, 'vmware'],
    [/virtualbox|innotek/i, 'virtualbox'],
    [/qemu|kvm|openstack/i, 'kvm'],
    [/xen/i, 'xen'],
    [/firecracker/i, 'firecracker'],
  ])
  if (known !== null) return known
  const release = (await readText('/proc/sys/kernel/osrelease', 256)) ?? ''
  if (/microsoft/i.test(release)) return 'wsl2'
  const hypervisor = (await readText('/sys/hypervisor/type', 64))?.trim()
  if (hypervisor) return hypervisor
  // The CPU tells its guests that they are guests, without naming the hypervisor.
  const cpuInfo = (await readText('/proc/cpuinfo', 64 * 1024)) ?? ''
  return /^flags\s*:.*\bhypervisor\b/m.test(cpuInfo) ? 'unnamed' : null
}

/** The container runtime, or null. */
export async function readContainer({ readText }: Pick<Host, 'readText'>): Promise<string | null> {
  if ((await readText('/.dockerenv', 1)) !== null) return 'docker'
  if ((await readText('/run/.containerenv', 1)) !== null) return 'podman'
  const environment = (await readText('/proc/1/environ', 64 * 1024)) ?? ''
  const named = /(?:^|\0)container=([^\0]+)/.exec(environment)?.[1]
  if (named) return named.slice(0, 64)
  if (/(?:^|\0)KUBERNETES_SERVICE_HOST=/.test(environment)) return 'kubernetes'
  const groups = (await readText('/proc/1/cgroup', 64 * 1024)) ?? ''
  return firstFit(groups, [
    [/kubepods/, 'kubernetes'],
    [/docker/, 'docker'],
    [/lxc/, 'lxc'],
    [/containerd|libpod/, 'oci'],
  ])
}

/** Reads where this process runs. Slow (it starts one child per execution provider): once at start-up, then when asked. */
export async function probeEnvironment(
  options: EnvironmentOptions,
  { host }: { readonly host: Host },
): Promise<{ readonly record: EnvironmentRecord; readonly providers: readonly ExecutionProviderCheck[] }> {
  const wanted = options.executionProviders ?? providersOf[host.platform] ?? ['cpu']
  const providers: ExecutionProviderCheck[] = []
  for (const provider of wanted) providers.push(await checkExecutionProvider(host, provider))
  const release = (await host.readText('/etc/os-release', 16 * 1024)) ?? ''
  const pretty = /^PRETTY_NAME=(?:"([^"\n]*)"|'([^'\n]*)'|(\S+))/m.exec(release)
  const freeBytes = await host.freeBytes(options.dataDirectory)
  return {
    providers,
    record: shown({
      version: 1,
      kaisar: options.kaisar,
      os: (pretty?.[1] ?? pretty?.[2] ?? pretty?.[3] ?? host.platform).slice(0, 256) || host.platform,
      kernel: host.kernelRelease().slice(0, 256),
      architecture: host.architecture,
      virtualisation: await readVirtualisation(host),
      container: await readContainer(host),
      node: host.nodeVersion,
      onnxRuntime: providers.find(({ onnxRuntime }) => onnxRuntime !== null)?.onnxRuntime ?? null,
      executionProviders: providers.filter(({ loadable }) => loadable).map(({ provider }) => provider),
      memoryMiB: Math.floor(host.totalMemoryBytes() / 2 ** 20),
      diskFreeMiB: freeBytes === null ? null : Math.floor(freeBytes / 2 ** 20),
      clockOffsetMs: options.clockOffsetMs === null ? null : Math.round(options.clockOffsetMs),
    }),
  }
}

/** Whatever this host's files say, a Checker can read it. */
const shown = (record: EnvironmentRecord): EnvironmentRecord =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, typeof value === 'string' ? printable(value) : value]),
  ) as EnvironmentRecord
