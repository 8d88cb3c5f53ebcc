/** A whole report of one round, made by honest parties on the small spec; tests spoil it. */
import { encodeAbiParameters, type Hex, keccak256, numberToHex } from 'viem'
import { type Jobs, jobOf, jobWith } from '../../../src/core/job/jobs.ts'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import {
  type DeviceRecord,
  type EnvironmentRecord,
  encodeDeviceRecord,
  encodeEnvironmentRecord,
  hashRecordText,
  localId,
} from '../../../src/core/protocol/device-record.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { claimOf, commitmentHash, sampleOf, seedOf, witnessOf } from '../../../src/core/report/commitment.ts'
import type { EvidenceBundle } from '../../../src/core/report/evidence-bundle.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { epochSeed } from '../job/small-spec.ts'
import { network } from './signed-messages.ts'

export const provider = createSigner({ privateKey: numberToHex(0xa11ce, { size: 32 }), network })
export const checker = createSigner({ privateKey: numberToHex(0xb0b, { size: 32 }), network })

export const device: DeviceRecord = {
  version: 1,
  kind: 'cpu',
  vendor: 'cpu',
  model: 'Example CPU',
  identity: 'machine-1',
  identitySource: 'machine-id',
  pciBusId: null,
  pciDeviceId: null,
  memoryMiB: 8192,
  driver: '6.1.0',
  firmware: null,
  cores: 2,
  isa: ['avx2'],
  part: null,
}
export const environment: EnvironmentRecord = {
  version: 1,
  kaisar: '0.1.0',
  os: 'Debian 12',
  kernel: '6.1.0',
  architecture: 'x64',
  virtualisation: null,
  container: null,
  node: '24.21.0',
  onnxRuntime: '1.30.0',
  executionProviders: ['cpu'],
  memoryMiB: 8192,
  diskFreeMiB: null,
  clockOffsetMs: 0,
}

export const word = (byte: string): Hex => `0x${byte.repeat(32)}`
const secret = word('5e')
const deviceId = keccak256(
  encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }], [provider.address, localId(device)]),
)
/** What memory of this device is filled for. */
export const fillOf = { deviceId, generation: 1 }

/** The same report as a seat keeps it that was told of a wrong row, and one that holds two commitments; by the step that names them. */
export async function makeAccusation(
  core: WorkCore,
  honest: EvidenceBundle & { readonly kind: 'tensor' },
): Promise<{ readonly ROW_WRONG: EvidenceBundle; readonly TWO_COMMITMENTS: EvidenceBundle }> {
  const rows = 200
  const { message } = honest.commitment
  // The rows of another job, which no seat can recompute.
  const { tensor } = core.kinds
  const { root, handle } = await tensor.rework({ epochSeed, seed: new Uint8Array(32).fill(7), units: rows, notes: '' })
  const commitment = await signMessage(provider, 'Commitment', { ...message, rows: BigInt(rows), root })
  const openings = await tensor.open({ handle, sample: [70] })
  return {
    ROW_WRONG: { ...honest, commitment, request: null, openings, against: { wrongRow: 70 } },
    TWO_COMMITMENTS: { ...honest, against: { commitment } },
  }
}

/** The same report with a place that is wrong: the window is one over another device's memory. */
export async function makeWrongPlace(
  core: WorkCore,
  honest: EvidenceBundle & { readonly kind: 'memory' },
): Promise<EvidenceBundle & { readonly kind: 'memory' }> {
  const { memory } = core.kinds
  const other = { deviceId: word('0d'), generation: 1 }
  await memory.prepare({ epochSeed, device: other })
  const { message } = honest.commitment
  const seed = seedOf(network, message)
  const { handle, units, root } = await memory.runWindow({ epochSeed, device: other, seed })
  const commitment = await signMessage(provider, 'Commitment', { ...message, rows: BigInt(units), root })
  const place = 64
  const openings = await memory.open({ handle, sample: [place] })
  return { ...honest, commitment, request: null, openings, against: { wrongRow: place } }
}

/** What a seat that recomputed an honest report says. */
export async function witnessOfReport(
  core: WorkCore,
  { kind, spec, commitment, request, openings }: EvidenceBundle,
  seat = checker.address,
): Promise<Hex> {
  const item = {
    ...{ ...claimOf(network, commitment.message), openings },
    sample: sampleOf(jobWith(kind, spec), commitment.message, request!.message),
    witnessOf: witnessOf(seat, commitmentHash(network, commitment.message)),
  }
  const [answer] = await core.kinds[kind]!.verify({ epochSeed, items: [item] })
  if (!answer!.ok) throw new Error(answer!.detail)
  return answer!.witness!
}

/** Works a window on `core`, commits, is sampled and opens. Memory is filled before, by whoever asks for a memory round. */
export async function makeReport<K extends RoundKindName = 'tensor'>(
  core: WorkCore,
  jobs: Jobs,
  { kind = 'tensor' as K, durationMs }: { readonly kind?: K; readonly durationMs?: number } = {},
): Promise<EvidenceBundle & { readonly kind: K }> {
  const job = jobOf(jobs, kind)
  const marks: Hex[] = []
  const identity = { epoch: 3n, round: word('2a'), deviceId, generation: 1, specHash: job.specHash }
  const offer = await signMessage(checker, 'JobOffer', {
    ...identity,
    secretHash: keccak256(secret),
    checker: checker.address,
  })
  const window = await core.kinds[kind]!.runWindow(
    {
      ...{ epochSeed, device: fillOf, seed: seedOf(network, identity) },
      ...(durationMs !== undefined && { durationMs }),
    },
    { onMark: (_, mark) => marks.push(mark) },
  )
  const environmentText = encodeEnvironmentRecord(environment)
  const commitment = await signMessage(provider, 'Commitment', {
    ...identity,
    rows: BigInt(window.units),
    root: window.root,
    environmentHash: hashRecordText(environmentText),
  })
  const request = await signMessage(checker, 'SampleRequest', {
    commitmentHash: commitmentHash(network, commitment.message),
    secret,
    samplingBlockHash: word('b1'),
    checker: checker.address,
  })
  const openings = await core.kinds[kind]!.open({
    handle: window.handle,
    sample: sampleOf(job, commitment.message, request.message),
  })
  const deviceText = encodeDeviceRecord(device)
  const report = await signMessage(provider, 'DeviceReport', {
    deviceId,
    generation: 1,
    nonce: word('11'),
    deviceHash: hashRecordText(deviceText),
    environmentHash: hashRecordText(environmentText),
    certificateHash: word('ce'),
    attestationHash: zeroBytes32,
  })
  return {
    ...{ kind, network, spec: job.spec, ...(kind === 'memory' && { marks }) },
    epochSeed,
    offer,
    commitment,
    request,
    environment: environmentText,
    deviceReport: { report, device: deviceText, environment: environmentText, attestation: null },
    openings,
  } as never
}
