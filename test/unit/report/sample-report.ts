/** A whole report of one round, made by honest parties on the small spec; tests spoil it. */
import { encodeAbiParameters, type Hex, keccak256, numberToHex } from 'viem'
import { specHash, type TensorSpec } from '../../../src/core/job/tensor/tensor-spec.ts'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import {
  type DeviceRecord,
  type EnvironmentRecord,
  encodeDeviceRecord,
  encodeEnvironmentRecord,
  hashRecordText,
  localId,
} from '../../../src/core/protocol/device-record.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { commitmentHash, sampleOf, seedOf } from '../../../src/core/report/commitment.ts'
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

/** The same report as a seat keeps it that was told of a wrong row, and one that holds two commitments; by the step that names them. */
export async function makeAccusation(
  core: WorkCore,
  honest: EvidenceBundle,
): Promise<{ readonly ROW_WRONG: EvidenceBundle; readonly TWO_COMMITMENTS: EvidenceBundle }> {
  const rows = 200
  const { message } = honest.commitment
  // The rows of another job, which no seat can recompute.
  const { root, handle } = await core.rework({ epochSeed, seed: new Uint8Array(32).fill(7), rows })
  const commitment = await signMessage(provider, 'Commitment', { ...message, rows: BigInt(rows), root })
  const openings = await core.open({ handle, sample: [70] })
  return {
    ROW_WRONG: { ...honest, commitment, request: null, openings, against: { wrongRow: 70 } },
    TWO_COMMITMENTS: { ...honest, against: { commitment } },
  }
}

/** Works a window on `core`, commits, is sampled and opens. */
export async function makeReport(
  core: WorkCore,
  spec: TensorSpec,
  durationMs = spec.windowMs,
): Promise<EvidenceBundle> {
  const identity = { epoch: 3n, round: word('2a'), deviceId, generation: 1, specHash: specHash(spec) }
  const offer = await signMessage(checker, 'JobOffer', {
    ...identity,
    secretHash: keccak256(secret),
    checker: checker.address,
  })
  const window = await core.runWindow({ epochSeed, seed: seedOf(network, identity), durationMs })
  const environmentText = encodeEnvironmentRecord(environment)
  const commitment = await signMessage(provider, 'Commitment', {
    ...identity,
    rows: BigInt(window.rows),
    root: window.root,
    environmentHash: hashRecordText(environmentText),
  })
  const request = await signMessage(checker, 'SampleRequest', {
    commitmentHash: commitmentHash(network, commitment.message),
    secret,
    samplingBlockHash: word('b1'),
    checker: checker.address,
  })
  const openings = await core.open({
    handle: window.handle,
    sample: sampleOf(spec, commitment.message, request.message),
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
    network,
    spec,
    epochSeed,
    offer,
    commitment,
    request,
    environment: environmentText,
    deviceReport: { report, device: deviceText, environment: environmentText, attestation: null },
    openings,
  }
}
