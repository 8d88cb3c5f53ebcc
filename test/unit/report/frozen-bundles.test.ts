/** Evidence that earlier releases wrote, of every version that there is: it verifies as it did, and what is wrong with a changed one has its name. */
import { readFileSync } from 'node:fs'
import type { Hex } from 'viem'
import { afterAll, describe, expect, it } from 'vitest'
import { type Jobs, jobsHash } from '../../../src/core/job/jobs.ts'
import { threadClock } from '../../../src/core/job/thread-clock.ts'
import { createWorkCore, type WorkCore } from '../../../src/core/job/work-core.ts'
import { type LoadedBundle, loadedBundle, verifyLoadedBundle } from '../../../src/core/operator/loaded-bundle.ts'
import { type BusyBundle, encodeBusyBundle } from '../../../src/core/report/busy-bundle.ts'
import { type EvidenceBundle, encodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { provider } from './sample-report.ts'

const cores = new Map<Hex, Promise<WorkCore>>()
afterAll(async () => {
  for (const core of cores.values()) await (await core).close()
})
/** One for all bundles of the same jobs. */
async function startEngine(jobs: Jobs) {
  const name = jobsHash(jobs)
  const options = { jobs, provider: 'cpu', form: 'u8', threads: 1, witnesses: true } as const
  const core = cores.get(name) ?? createWorkCore(options, { clock: threadClock })
  cores.set(name, core)
  const { kinds } = await core
  return { kinds, close: async () => undefined }
}
const read = (name: string) => loadedBundle(Uint8Array.from(readFileSync(`fixtures/reports/bundle-${name}.bin`)))
const encoded = (bundle: LoadedBundle['bundle']) => ('busy' in bundle ? encodeBusyBundle(bundle) : encodeBundle(bundle))
const versionOf = (bytes: Uint8Array) => bytes['kaisar-bundle'.length]
const hexWord = expect.stringMatching(/^0x[0-9a-f]{64}$/)

it.each([
  [
    'v1',
    '0xeeb9b83bfbe59f9311b57c2785aec3bfd91397acabedbbfb202a0d05b88a8f90',
    { kind: 'tensor', specName: 'devnet', checked: 16, witness: null },
  ],
  ['v2-wrong-row', '0xe90cc6c4e37e93651b79a12f11de0d7b9063503b288ada7b46ed8043a161c277', 'ROW_WRONG'],
  ['v2-two-commitments', '0x0ef05049748f254f812d3f2618c8329a27c3a3557fe70041eec67d3b568cdab1', 'TWO_COMMITMENTS'],
  [
    'v3',
    '0xbf17275c4b8b55713b0eea8449327503d1edf5e03785a38dd4e0136d08288ac3',
    { kind: 'tensor', specName: 'devnet', checked: 16, witness: hexWord },
  ],
  [
    'v4',
    '0x95240633237a0534fb1c54f833b109fdc132d2a613f712c600d146797c654121',
    {
      ...{ kind: 'memory', specName: 'devnet', checked: 16, witness: hexWord },
      ...{ units: 999, figures: { bandwidth: 261, resident: 16 } },
    },
  ],
  [
    'v4-late-mark',
    '0x7d42ec4bd460af213420b9809993f4214d1e30d6f53e1b28a6012b6164bf9205',
    {
      ...{ kind: 'memory', specName: null, checked: 8, witness: hexWord },
      ...{ units: 299, figures: { bandwidth: 5, resident: 0 } },
    },
  ],
  ['v4-wrong-coordinate', '0xf892866e5fdc3e7209cb970b3776e459adc5c3a79ff56b487d7dad8483af7959', 'COORDINATE_WRONG'],
  ['v5', '0x1b734292b413ee95e1c9867be7853dcf27d3cc1628dc45e783b61bdee9512786', { kind: 'busy', epoch: 3n }],
  [
    'v6',
    '0xbd2486b63dca234c7abc96163080f1b199dfc4057c19552395ff051353b3ce48',
    {
      ...{ kind: 'beat', specName: 'devnet', checked: 4, witness: hexWord },
      ...{ units: 249, figures: { bandwidth: 261, resident: 16 } },
    },
  ],
  [
    'v7',
    '0xf7a1d15b822fded3af94ad292df84e5c0924e0c01f82da93f49c15988b4d43c9',
    { kind: 'tensor', specName: 'devnet', checked: 16, witness: null },
  ],
] as const)('bundle-%s.bin reads back as it was, and verifies as it did', async (name, hash, expected) => {
  const loaded = read(name)
  expect(loaded.hash).toBe(hash)
  expect(versionOf(loaded.bytes)).toBe(Number(name[1]))
  expect(encoded(loaded.bundle)).toEqual(loaded.bytes)
  const failedStep = typeof expected === 'string' ? expected : null
  const facts = typeof expected === 'string' ? null : { ...expected, operator: provider.address }
  expect(await verifyLoadedBundle(loaded, { startEngine })).toMatchObject({
    ...{ valid: failedStep === null, failedStep, facts },
  })
})

describe('what fails is named', () => {
  const other = (hex: Hex): Hex => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}` as Hex
  const noSignature: Hex = `0x${'11'.repeat(65)}`
  async function failedSteps<B extends LoadedBundle['bundle']>(
    bundle: B,
    changes: { readonly [part: string]: (bundle: B) => object },
  ) {
    const steps: Record<string, string | null> = {}
    for (const [part, change] of Object.entries(changes)) {
      const changed = loadedBundle(encoded({ ...bundle, ...change(bundle) }))
      steps[part] = (await verifyLoadedBundle(changed, { startEngine })).failedStep
    }
    return steps
  }

  it.each(['v3', 'v4', 'v4-late-mark', 'v6'])('in bundle-%s.bin with one part changed', async name => {
    const bundle = read(name).bundle as EvidenceBundle
    const changes: Parameters<typeof failedSteps<EvidenceBundle>>[1] = {
      specification: ({ spec }) => ({ spec: { ...spec, samples: spec.samples + 1 } }),
      offer: ({ offer: { message, signature } }) => ({
        offer: { message: { ...message, secretHash: other(message.secretHash) }, signature },
      }),
      generation: ({ commitment: { message, signature } }) => ({
        commitment: { message: { ...message, generation: message.generation + 1 }, signature },
      }),
      signature: ({ commitment: { message } }) => ({ commitment: { message, signature: noSignature } }),
      root: ({ commitment: { message, signature } }) => ({
        commitment: { message: { ...message, root: other(message.root) }, signature },
      }),
      environment: ({ environment }) => ({ environment: environment!.replace('Debian', 'Fedora') }),
      device: ({ deviceReport }) => ({
        deviceReport: { ...deviceReport!, device: deviceReport!.device.replace('Example', 'Better') },
      }),
      secret: ({ request }) => ({
        request: { ...request!, message: { ...request!.message, secret: other(request!.message.secret) } },
      }),
      length: ({ openings }) => ({ openings: openings.slice(0, -1) }),
      openings: ({ openings }) => ({ openings: openings.with(-1, openings.at(-1)! ^ 1) }),
      seed: ({ epochSeed }) => ({ epochSeed: other(epochSeed) }),
      witness: ({ witness }) => ({ witness: other(witness!) }),
    }
    expect(await failedSteps(bundle, changes)).toEqual({
      specification: 'SPEC',
      offer: 'OFFER_SIGNATURE',
      generation: 'COMMITMENT_BINDING',
      signature: 'COMMITMENT_SIGNATURE',
      // What was signed is another commitment, so somebody else seems to have signed this one.
      root: 'DEVICE_REPORT',
      environment: 'ENVIRONMENT',
      device: 'DEVICE_REPORT',
      secret: 'SAMPLE_REQUEST',
      length: 'OPENINGS_MALFORMED',
      openings: 'OPENINGS_NOT_IN_ROOT',
      seed: bundle.kind === 'tensor' ? 'ROW_WRONG' : 'COORDINATE_WRONG',
      witness: 'WITNESS',
    })
  })

  it('in bundle-v5.bin with one part changed', async () => {
    const steps = await failedSteps(read('v5').bundle as BusyBundle, {
      offer: ({ offer: { message, signature } }) => ({
        offer: { message: { ...message, specHash: other(message.specHash) }, signature },
      }),
      round: ({ busy: { message, signature } }) => ({
        busy: { message: { ...message, round: other(message.round) }, signature },
      }),
      signature: ({ busy: { message } }) => ({ busy: { message, signature: noSignature } }),
    })
    expect(steps).toEqual({ offer: 'OFFER_SIGNATURE', round: 'BUSY_BINDING', signature: 'BUSY_SIGNATURE' })
  })
})
