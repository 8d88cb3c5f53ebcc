import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { jobSets, jobsHash } from '../../../src/core/job/jobs.ts'
import { createEvidenceSource, createModelSource } from '../../../src/core/operator/ask-seats.ts'
import { hashRecordText } from '../../../src/core/protocol/device-record.ts'
import { decodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { buildEvidenceTree, leafOfVerdict } from '../../../src/core/report/evidence-root.ts'
import { encodeSeatEvidence, type SeatEvidence } from '../../../src/core/report/seat-evidence.ts'
import { getContent } from '../../../src/core/transport/get-content.ts'

const bytes32 = (byte: string) => `0x${byte.repeat(32)}` as const
const round: Omit<SeatEvidence['rounds'][number], 'proof'> = {
  ...{ ordinal: 0, round: bytes32('01'), kind: 'tensor', verdict: 'OFFLINE', reason: 'NO_SESSION', figures: {} },
  ...{ commitmentHash: null, witness: null, evidence: null },
}
const tree = buildEvidenceTree(1, lane => (lane === 0 ? leafOfVerdict(round.round, round) : null))
const shown: SeatEvidence = {
  ...{ epoch: 4, deviceId: bytes32('d1') },
  rounds: [{ ...round, proof: tree.proof(0, 0) }],
}
const query = (port: number, specHash = jobsHash(jobSets.standard)) => ({
  ...{ endpoint: `wss://127.0.0.1:${port}`, epoch: 4, deviceId: shown.deviceId },
  ...{ lane: 0, maxRounds: 1, specHash, evidenceRoot: tree.root },
})

/** Checkers by port: the first shows its rounds, the second has none, the third lies, nobody listens at the others. */
function scene() {
  const asked: string[] = []
  let nowMs = 0
  const source = createEvidenceSource(
    { dialsPrivate: true },
    {
      now: () => nowMs,
      async get({ endpoint, path }) {
        asked.push(`${new URL(endpoint).port}${path}`)
        const body = encodeSeatEvidence(
          endpoint.endsWith('3') ? { ...shown, rounds: [{ ...round, proof: [] }] } : shown,
        )
        if (endpoint.endsWith('4')) throw new Error('nobody listens')
        return { status: endpoint.endsWith('2') ? 404 : 200, body, certificateHash: bytes32('00') }
      },
    },
  )
  return { source, asked, wait: (ms: number) => (nowMs += ms) }
}

it('what a seat shows is asked for once and kept', async () => {
  const { source, asked } = scene()
  // From which share its beats count is what the epoch's jobs say.
  expect(await source(query(1))).toMatchObject({ rounds: [{ reason: 'NO_SESSION' }], beatShare: 60 })
  expect(await source(query(1))).toMatchObject({ rounds: [{ ordinal: 0 }] })
  expect(asked).toEqual([`1/evidence/4/${shown.deviceId}`])
})

it('a seat that shows nothing, lies or does not answer is none, and the last is left alone for a while: what another shows at its endpoint says nothing of it', async () => {
  const { source, asked, wait } = scene()
  for (const port of [2, 3, 4, 2, 3, 4]) expect(await source(query(port))).toBeNull()
  expect(asked.map(each => each[0])).toEqual(['2', '3', '4', '2', '3'])
  wait(30_000)
  for (const port of [3, 4]) expect(await source(query(port))).toBeNull()
  expect(asked).toHaveLength(7)
})

it('jobs that this release does not know are not explained', async () => {
  const { source } = scene()
  expect(await source(query(1, bytes32('77')))).toBeNull()
})

it('a device has the model of the record that the chain has the hash of, whichever seat shows it: one is asked at a look, and none twice', async () => {
  const bundle = Uint8Array.from(readFileSync('fixtures/reports/bundle-v1.bin'))
  const text = decodeBundle(bundle).deviceReport!.device
  const asked: string[] = []
  const { modelOf, look } = createModelSource(
    { dialsPrivate: true },
    {
      async get({ endpoint, path }) {
        asked.push(endpoint + path)
        if (endpoint === 'wss://a') throw new Error('nobody listens')
        const body = endpoint === 'wss://b' ? new Uint8Array(9) : bundle
        return { status: 200, body, certificateHash: bytes32('00') }
      },
    },
  )
  const seatAt = (endpoint: string, evidence: string) => ({
    endpoint: `wss://${endpoint}`,
    below: {
      rounds: [
        { ...round, verdict: 'TIMEOUT' as const, evidence: bytes32('0f') },
        { ...round, verdict: 'VALID' as const, evidence: bytes32(evidence) },
      ],
    },
  })
  const seats = [{ ...seatAt('x', '00'), below: null }, seatAt('a', '0a'), seatAt('b', '0b'), seatAt('c', '0c')]
  const device = (id: string, deviceHash = hashRecordText(text)) => ({
    id: bytes32(id),
    record: { deviceHash, certificateHash: bytes32('00'), attestedIdentity: bytes32('00') },
  })
  for (let looks = 0; looks < 5; looks++) await look(device('d1'), seats)
  expect(asked).toEqual(['a', 'b', 'c'].map(name => `wss://${name}/evidence/${bytes32(`0${name}`)}`))
  expect(modelOf(bytes32('d1'))).toBe(JSON.parse(text).model)
  // Another record than that of the registration is nobody's.
  await look(device('d2', bytes32('77')), [seatAt('c', '1c')])
  expect(asked).toHaveLength(4)
  expect(modelOf(bytes32('d2'))).toBeNull()
})

it.each(['wss://127.0.0.1:9', 'wss://[::1]:9', 'wss://192.168.1.1:9', 'ws://localhost:9'])(
  'an endpoint that leads back into a private network is not asked: %s',
  async endpoint => {
    const options = { endpoint, path: '/evidence/1', limitBytes: 10, timeoutMs: 5_000, publicOnly: true }
    await expect(getContent(options)).rejects.toMatchObject({ code: 'TRANSPORT_ENDPOINT_PRIVATE' })
  },
)
