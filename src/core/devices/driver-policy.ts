/** What is known of driver versions: which execution provider needs which, and which branches exist where. */

export type HostOs = 'linux' | 'windows' | 'unknown'

export type DriverRule = {
  readonly vendor: 'nvidia' | 'amd' | 'intel'
  readonly executionProvider: 'cuda' | 'webgpu'
  readonly minimum: string
  /** Why this number. */
  readonly provenance: string
}

const driverRules: readonly DriverRule[] = [
  {
    vendor: 'nvidia',
    executionProvider: 'cuda',
    minimum: '525.60.13',
    provenance:
      'onnxruntime-node downloads CUDA 12 libraries; CUDA 12 minor-version compatibility starts at driver 525.60.13 (CUDA release notes)',
  },
  {
    vendor: 'nvidia',
    executionProvider: 'webgpu',
    minimum: '396.54',
    provenance: 'first Linux branch with Vulkan 1.1, which Dawn asks for; not measured here',
  },
]

/** Newest branch of NVIDIA's driver installation guide. A newer one is unknown, which is a note and not a fault. */
const newestKnownNvidiaBranch = 620

/** Branches released for Windows alone (NVIDIA's driver archives); on Linux they cannot be. */
const windowsOnlyNvidiaBranches = new Set([
  496, 497, 511, 512, 513, 516, 517, 522, 526, 527, 528, 531, 532, 536, 537, 538, 546, 551, 552, 553, 556, 561, 566,
  572, 576, 577, 581, 591, 592,
])

const numbers = (version: string): number[] => (version.match(/\d+/g) ?? []).map(Number)

/** Negative, zero or positive, by number and part. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** What speaks against a driver of this version. */
export function judgeDriver(vendor: DriverRule['vendor'], version: string, { os }: { readonly os: HostOs }) {
  const rules = driverRules.filter(rule => rule.vendor === vendor)
  const tooOldFor = rules.filter(rule => compareVersions(version, rule.minimum) < 0)
  const branch = numbers(version)[0] ?? 0
  return {
    /** Providers that it is too old for. */
    tooOldFor,
    /** No provider works with it. */
    unusable: rules.length > 0 && tooOldFor.length === rules.length,
    newerThanKnown: vendor === 'nvidia' && branch > newestKnownNvidiaBranch,
    /** Set where there can be no such driver on this platform. */
    impossible:
      vendor === 'nvidia' && os === 'linux' && windowsOnlyNvidiaBranches.has(branch)
        ? `driver branch ${branch} was released for Windows only`
        : null,
  }
}
