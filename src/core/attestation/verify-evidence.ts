// Why: docs/why/devices.md
import { createHash, verify } from 'node:crypto'
import { type Address, concat, type Hex, hexToBytes, numberToHex, stringToHex } from 'viem'
import { compareVersions } from '../devices/driver-policy.ts'
import {
  type AttestationReport,
  MalformedReport,
  type OpaqueFields,
  parseAttestationReport,
  readOpaque,
} from './attestation-report.ts'
import { type DeviceIdentity, InvalidChain, type VerifiedChain, verifyChain } from './certificate-chain.ts'
import { type Evidence, isSwitchEvidence } from './read-evidence.ts'
import { compareMeasurements, pinnedReferences, type ReferenceMeasurements } from './reference-measurements.ts'

/** In the order in which they are checked; nothing behind a failed step is looked at. */
export const attestationSteps = [
  'parse',
  'nonce',
  'chain',
  'signature',
  'fwid',
  'versions',
  'features',
  'measurements',
  'identity',
] as const
type AttestationStep = (typeof attestationSteps)[number]

/** `unknown`: could not be told here, and does not make the evidence invalid. `skipped`: a step before it failed. */
type StepStatus = 'pass' | 'fail' | 'unknown' | 'skipped'
type StepResult = { readonly step: AttestationStep; readonly status: StepStatus; readonly detail: string }

export type AttestationPolicy = {
  /** What the card was asked to sign; null checks no freshness and says so. */
  readonly nonce: Buffer | null
  /** Refuse evidence whose nonce was not given or is a public sample's: what a Checker does. */
  readonly requireFresh?: boolean
  readonly minimumDriver?: string
  readonly allowedDrivers?: readonly string[]
  readonly allowedVbios?: readonly string[]
  /** What nvidia-smi said in the same probe. */
  readonly reported?: {
    readonly driver?: string | null
    readonly vbios?: string | null
    readonly model?: string | null
  }
  readonly allowedFeatures?: readonly string[]
  readonly references?: readonly ReferenceMeasurements[]
  /** The device that has registered an attested identity, and the one that presents it now. */
  readonly ownerOf?: (spkiSha256: string) => string | null
  readonly presentedBy?: string
  readonly at?: Date
  /** Another root, in tests only. */
  readonly rootSha256?: string
}

export type AttestationResult = Pick<OpaqueFields, 'driver' | 'vbios' | 'chip' | 'feature'> & {
  /** A switch is named and not judged: its evidence is refused, and does not speak against the GPUs beside it. */
  readonly device: 'gpu' | 'switch'
  readonly valid: boolean
  readonly failedStep: AttestationStep | null
  readonly reason: string | null
  readonly steps: readonly StepResult[]
  /** Never checked offline: CRL and OCSP are NVIDIA's services. */
  readonly revocation: 'not checked'
  readonly nonce: string | null
  readonly measurements: Outcome['status']
  readonly identity: DeviceIdentity | null
}

type Outcome = { readonly status: 'pass' | 'fail' | 'unknown'; readonly detail: string }
const pass = (detail: string): Outcome => ({ status: 'pass', detail })
const fail = (detail: string): Outcome => ({ status: 'fail', detail })
const unknown = (detail: string): Outcome => ({ status: 'unknown', detail })

/** From this driver on every report carries the firmware digest. */
const fwidSinceDriver = '550'

/** A verifier of many reports of one card may keep the verified chain instead of verifying it again. */
export type AttestationDependencies = { readonly verifyChain: typeof verifyChain }

/** Verifies one card's evidence, offline. Never throws for what the evidence holds. */
export function verifyEvidence(
  evidence: Evidence,
  policy: AttestationPolicy,
  dependencies: AttestationDependencies = { verifyChain },
): AttestationResult {
  const steps: StepResult[] = []
  let report: AttestationReport | null = null
  let fields: OpaqueFields | null = null
  let chain: VerifiedChain | null = null
  let measurements: AttestationResult['measurements'] = 'unknown'

  const isSwitch = isSwitchEvidence(evidence)
  const checks: Record<AttestationStep, () => Outcome> = {
    parse: () => {
      if (isSwitch) return fail(switchReason(evidence.statedArchitecture))
      report = parseAttestationReport(evidence.report)
      fields = readOpaque(report.opaque)
      return pass(`${evidence.report.length} bytes, ${report.opaque.size} opaque fields`)
    },
    nonce: () => checkNonce(report!.nonce, evidence, policy),
    chain: () => {
      const { at = new Date(), rootSha256 } = policy
      chain = dependencies.verifyChain(evidence.chain, { at, rootSha256 })
      return pass(`${chain.leafName}, up to the pinned NVIDIA root`)
    },
    signature: () =>
      verify('sha384', report!.signed, { key: chain!.leaf.publicKey, dsaEncoding: 'ieee-p1363' }, report!.signature)
        ? pass('ECDSA P-384 with SHA-384')
        : fail('the report was not signed by the leaf certificate’s key'),
    fwid: () => checkFwid(fields!, chain!),
    versions: () => checkVersions(fields!, policy),
    features: () => checkFeatures(fields!, chain!, evidence, policy),
    measurements: () => {
      const verdict = compareMeasurements(report!.measurements, fields!, policy.references ?? pinnedReferences)
      measurements = verdict.status
      return verdict
    },
    identity: () => checkIdentity(chain!.identity, policy),
  }
  for (const step of attestationSteps) {
    const isOver = steps.some(({ status }) => status === 'fail')
    steps.push(isOver ? { step, status: 'skipped', detail: 'a step before it failed' } : { step, ...run(checks[step]) })
  }
  const failed = steps.find(({ status }) => status === 'fail') ?? null
  const read = fields as OpaqueFields | null
  const verified = chain as VerifiedChain | null
  return {
    device: isSwitch ? 'switch' : 'gpu',
    valid: failed === null,
    failedStep: failed?.step ?? null,
    reason: failed?.detail ?? null,
    steps,
    revocation: 'not checked',
    nonce: (report as AttestationReport | null)?.nonce.toString('hex') ?? null,
    driver: read?.driver ?? null,
    vbios: read?.vbios ?? null,
    chip: verified ? (read?.chip ?? verified.leafName.split(' ')[0] ?? null) : null,
    feature: read?.feature ?? null,
    measurements,
    identity: verified?.identity ?? null,
  }
}

const switchReason = (architecture: string | null): string =>
  `the evidence is that of an NVSwitch${architecture === null ? '' : ` (arch ${architecture})`}, not of a GPU: switches are not judged`

function run(check: () => Outcome): Outcome {
  try {
    return check()
  } catch (error) {
    if (error instanceof MalformedReport || error instanceof InvalidChain) return fail(error.message)
    return fail(`could not be checked: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function checkNonce(nonce: Buffer, evidence: Evidence, policy: AttestationPolicy): Outcome {
  if (policy.nonce !== null) {
    if (!nonce.equals(policy.nonce))
      return fail(`the report is over ${nonce.toString('hex')}, not over the nonce that was asked for`)
    if (policy.requireFresh && isPublicNonce(nonce)) return fail('the nonce is one of the public samples')
    return pass('the report is over the nonce that was asked for')
  }
  if (policy.requireFresh) return fail('no nonce was asked for, so the evidence may be old')
  if (evidence.statedNonce !== null && !nonce.equals(evidence.statedNonce))
    return fail('the report is over another nonce than the file states')
  return unknown('no nonce was given to compare with: the evidence may be old')
}

function checkFwid(fields: OpaqueFields, chain: VerifiedChain): Outcome {
  if (fields.fwid === null)
    return fields.driver !== null && compareVersions(fields.driver, fwidSinceDriver) < 0
      ? unknown(`driver ${fields.driver} does not send the firmware digest`)
      : fail('the report carries no firmware digest')
  if (chain.fwid === null) return fail('the leaf certificate carries no firmware digest')
  return fields.fwid.equals(chain.fwid)
    ? pass('equal in report and leaf certificate')
    : fail('the firmware digests of report and leaf certificate differ')
}

function checkVersions(fields: OpaqueFields, policy: AttestationPolicy): Outcome {
  const { driver, vbios } = fields
  const stated = `driver ${driver ?? 'not stated'}, VBIOS ${vbios ?? 'not stated'}`
  if (driver === null || vbios === null) return fail(stated)
  const same = (a: string, b: string) => a.trim().toUpperCase() === b.trim().toUpperCase()
  if (policy.minimumDriver && compareVersions(driver, policy.minimumDriver) < 0)
    return fail(`${stated}; at least driver ${policy.minimumDriver} is asked for`)
  if (policy.allowedDrivers && !policy.allowedDrivers.includes(driver))
    return fail(`${stated}; the driver is not on the list`)
  if (policy.allowedVbios && !policy.allowedVbios.some(allowed => same(allowed, vbios)))
    return fail(`${stated}; the VBIOS is not on the list`)
  const { reported } = policy
  if (reported?.driver && !same(reported.driver, driver))
    return fail(`${stated}; nvidia-smi reported driver ${reported.driver}`)
  if (reported?.vbios && !same(reported.vbios, vbios))
    return fail(`${stated}; nvidia-smi reported VBIOS ${reported.vbios}`)
  const checked =
    policy.minimumDriver || policy.allowedDrivers || policy.allowedVbios || reported?.driver || reported?.vbios
  return checked ? pass(stated) : unknown(`${stated}; no policy was given`)
}

/** Chips by family, as leaf certificates and opaque data name them. */
const families: readonly (readonly [architecture: string, chip: RegExp, models: RegExp])[] = [
  ['HOPPER', /^GH1/, /\b(?:G?H[128]00|H20|GH200)\b/],
  ['BLACKWELL', /^GB[1-3]/, /\b(?:G?B[23]00|GB10|RTX PRO \d+|RTX 50\d\d)\b|Blackwell/],
]

function checkFeatures(
  fields: OpaqueFields,
  chain: VerifiedChain,
  evidence: Evidence,
  policy: AttestationPolicy,
): Outcome {
  const leafChip = chain.leafName.split(' ')[0] ?? ''
  const family = families.find(([, chip]) => chip.test(leafChip))
  const stated = [
    fields.feature ?? 'feature not stated',
    `protected PCIe ${fields.protectedPcie === null ? 'not stated' : fields.protectedPcie ? 'on' : 'off'}`,
    leafChip,
  ].join(', ')
  // The certificate names the family ("GB20X"), the report the chip ("GB202"): architecture and generation must agree.
  if (fields.chip !== null && fields.chip.slice(0, 3) !== leafChip.slice(0, 3))
    return fail(`${stated}; the report names chip ${fields.chip}`)
  const claimed = evidence.statedArchitecture?.toUpperCase()
  if (!/^G[A-Z]\d/.test(leafChip)) return fail(`${stated}; the certificate is not that of a GPU`)
  if (claimed && family && claimed !== family[0]) return fail(`${stated}; the file states ${claimed}`)
  const model = policy.reported?.model
  if (model && family && !family[2].test(model)) return fail(`${stated}; nvidia-smi reported ${model}`)
  if (policy.allowedFeatures && !policy.allowedFeatures.includes(fields.feature ?? 'not stated'))
    return fail(`${stated}; the mode is not on the list`)
  return family ? pass(stated) : unknown(`${stated}; the chip is not known here`)
}

function checkIdentity(identity: DeviceIdentity, policy: AttestationPolicy): Outcome {
  const stated = `${identity.hardwareModel} ${identity.serialNumber}`
  if (!policy.ownerOf) return unknown(`${stated}; not compared with registrations`)
  const owner = policy.ownerOf(identity.spkiSha256)
  if (owner !== null && owner.toLowerCase() !== policy.presentedBy?.toLowerCase())
    return fail(`${stated} is registered by another provider`)
  return pass(stated)
}

/** What a card signs over when a Checker asks: bound to network, provider, device and the Checker's challenge. */
export type AttestationBinding = {
  readonly chainId: number
  readonly provider: Address
  readonly deviceId: Hex
  /** The nonce of the Checker's DeviceRequest, 32 bytes. */
  readonly challenge: Hex
}

/** SHA-256 over "kaisar/att/v1", chain id (32 bytes, big-endian), address (20), device id (32), challenge (32). */
export function attestationNonce({ chainId, provider, deviceId, challenge }: AttestationBinding): Buffer {
  const preimage = concat([
    stringToHex('kaisar/att/v1'),
    numberToHex(chainId, { size: 32 }),
    provider.toLowerCase() as Hex,
    deviceId,
    challenge,
  ])
  return createHash('sha256').update(hexToBytes(preimage)).digest()
}

/** Nonces that public samples and the vendor's own tests use: evidence over them proves no freshness. First and last bytes. */
const publicNonces: readonly (readonly [head: string, tail: string])[] = [
  ['931d8dd0add203ac', '64dfcb'],
  ['4cff7f5380ead8fa', '51af2e'],
]

const isPublicNonce = (nonce: Buffer): boolean => {
  const hex = nonce.toString('hex')
  return publicNonces.some(([head, tail]) => hex.startsWith(head) && hex.endsWith(tail))
}
