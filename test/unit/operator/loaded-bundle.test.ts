/** Bundles as an operator meets them: a file, or a hash and the Checker that serves it; honest, damaged and tampered with. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import {
  bundleLines,
  type LoadedBundle,
  loadBundle,
  saveBundle,
  verifyLoadedBundle,
} from '../../../src/core/operator/loaded-bundle.ts'
import {
  bundleHash,
  bundleLimit,
  decodeBundle,
  type EvidenceBundle,
  encodeBundle,
} from '../../../src/core/report/evidence-bundle.ts'
import { signMessage } from '../../../src/core/report/signer.ts'
import { bundleSteps, notProven } from '../../../src/core/report/verify-bundle.ts'
import type { Content } from '../../../src/core/transport/get-content.ts'
import type { Identity, Listener } from '../../../src/core/transport/transport.ts'
import { createWebSocketTransport } from '../../../src/core/transport/websocket.ts'
import { createIdentity } from '../../helpers/identities.ts'
import { smallCore, smallJobs } from '../job/small-spec.ts'
import { makeAccusation, makeReport, provider } from '../report/sample-report.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-bundle-'))
let core: WorkCore
let honest: EvidenceBundle & { readonly kind: 'tensor' }
let bytes: Uint8Array
let identity: Identity
let listener: Listener
const served = new Map<string, Uint8Array>()

beforeAll(async () => {
  core = await smallCore()
  honest = await makeReport(core, smallJobs)
  bytes = encodeBundle(honest)
  identity = await createIdentity('checker')
  listener = await createWebSocketTransport({ identity }).listen({
    host: '127.0.0.1',
    port: 0,
    onChannel: channel => channel.close(),
    async onGet(path) {
      const body = served.get(path)
      return body === undefined ? null : { contentType: 'application/octet-stream', body }
    },
  })
  served.set(`/evidence/${bundleHash(bytes)}`, bytes)
})
afterAll(async () => {
  await core.close()
  await listener.close()
  rmSync(folder, { recursive: true })
})

const file = (name: string, content: Uint8Array) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}
const loaded = (bundle: EvidenceBundle): LoadedBundle => ({ hash: '0x00', bytes: new Uint8Array(), bundle })
const verify = (bundle: EvidenceBundle) =>
  verifyLoadedBundle(loaded(bundle), {
    startEngine: async () => ({ kinds: core.kinds, close: async () => undefined }),
  })

describe('loadBundle', () => {
  it('reads a file, and the same bundle by its hash over TLS from its Checker', async () => {
    const expected = { hash: bundleHash(bytes), bundle: honest }
    expect(await loadBundle({ source: file('honest.bundle', bytes) })).toMatchObject(expected)
    expect(await loadBundle({ source: bundleHash(bytes), from: listener.url })).toMatchObject(expected)
    expect(
      await loadBundle({ source: bundleHash(bytes).toUpperCase().replace('0X', '0x'), from: listener.url }),
    ).toMatchObject(expected)
  })

  it('keeps it in a new file, and overwrites none', async () => {
    const path = join(folder, 'kept.bundle')
    await saveBundle(await loadBundle({ source: bundleHash(bytes), from: listener.url }), path)
    expect(await loadBundle({ source: path })).toMatchObject({ hash: bundleHash(bytes) })
    const refusal = { code: 'BUNDLE_FILE_UNWRITABLE', context: { path, reason: 'EEXIST' } }
    await expect(saveBundle({ bytes: new Uint8Array() }, path)).rejects.toMatchObject(refusal)
    expect(await loadBundle({ source: path })).toMatchObject({ hash: bundleHash(bytes) })
  })

  it('refuses what is not the bundle that was named', async () => {
    const other = `0x${'ab'.repeat(32)}`
    served.set(`/evidence/${other}`, bytes)
    await expect(loadBundle({ source: other, from: listener.url })).rejects.toMatchObject({
      code: 'BUNDLE_OTHER',
      exit: 4,
      context: { found: bundleHash(bytes) },
    })
    await expect(loadBundle({ source: `0x${'cd'.repeat(32)}`, from: listener.url })).rejects.toMatchObject({
      code: 'BUNDLE_NOT_SERVED',
      context: { status: 404 },
    })
    await expect(loadBundle({ source: other })).rejects.toMatchObject({ code: 'BUNDLE_SOURCE_MISSING', exit: 2 })
  })

  it('refuses files that cannot be one, before they are read', async () => {
    for (const [source, code] of [
      [join(folder, 'none'), 'BUNDLE_FILE_UNREADABLE'],
      [folder, 'BUNDLE_FILE_UNREADABLE'],
      [file('long.bundle', new Uint8Array(bundleLimit + 1)), 'REPORT_BUNDLE_MALFORMED'],
      [file('cut.bundle', bytes.subarray(0, 40)), 'REPORT_BUNDLE_MALFORMED'],
    ] as const)
      await expect(loadBundle({ source }), code).rejects.toMatchObject({ code })
  })

  it('stops receiving once an answer is longer than a bundle can be', async () => {
    const long = `0x${'ee'.repeat(32)}`
    served.set(`/evidence/${long}`, new Uint8Array(bundleLimit + 1))
    await expect(loadBundle({ source: long, from: listener.url })).rejects.toMatchObject({
      code: 'TRANSPORT_CONTENT_TOO_LARGE',
    })
  })

  it.each([
    ['http://127.0.0.1:1', 'TRANSPORT_UNREACHABLE'],
    ['ftp://127.0.0.1', 'TRANSPORT_ENDPOINT_INVALID'],
    ['nonsense', 'TRANSPORT_ENDPOINT_INVALID'],
  ])('says why nothing came from %s', async (from, code) => {
    await expect(loadBundle({ source: zeroHash, from })).rejects.toMatchObject({ code })
  })
})

describe('verifyLoadedBundle', () => {
  it('passes every step of an honest bundle and says what it does not prove', async () => {
    const result = await verify(honest)
    expect(result).toMatchObject({ valid: true, failedStep: null, facts: { operator: provider.address } })
    expect(result.steps.map(({ status }) => status)).toEqual(bundleSteps.map(() => 'ok'))
    const text = bundleLines(result).join('\n')
    expect(text).toMatch(/^VALID/)
    expect(text).toContain(notProven.arrival)
    expect(text).toMatch(/recomputed {2}8 places/)
    expect(text).toContain(notProven.choice)
    expect(text).toContain('3.3 bits by this seat, 16.6 by 5 that forward, 6.9 by 5 alone')
  })

  it('names the step that fails and vouches for nothing after it', async () => {
    // A device that signs for its wrong rows: every signature holds, one recomputed row does not.
    const openings = honest.openings.slice()
    openings[openings.length - 40]! ^= 1
    const forged = await signMessage(provider, 'Commitment', { ...honest.commitment.message, generation: 2 })
    for (const [changed, step] of [
      [{ openings }, /^(ROW_WRONG|OPENINGS_NOT_IN_ROOT|OPENINGS_MALFORMED)$/],
      [{ commitment: forged }, /^COMMITMENT_BINDING$/],
      [{ epochSeed: `0x${'11'.repeat(32)}` as const }, /^ROW_WRONG$/],
    ] as const) {
      const result = await verify({ ...honest, ...changed })
      expect(result).toMatchObject({ valid: false, facts: null, failedStep: expect.stringMatching(step) })
      const at = (bundleSteps as readonly string[]).indexOf(result.failedStep!)
      expect(result.steps.map(({ status }) => status)).toEqual(
        bundleSteps.map((_, i) => (i < at ? 'ok' : i === at ? 'failed' : 'not reached')),
      )
      expect(bundleLines(result)[0]).toMatch(/^NOT VALID/)
      expect(bundleLines(result).join('\n')).toContain(result.detail)
    }
  })

  it('names a row that another seat proved wrong, and the device’s second commitment', async () => {
    const adopted = await makeAccusation(core, honest)
    for (const [step, bundle] of Object.entries(adopted)) {
      const result = await verify(decodeBundle(encodeBundle(bundle)))
      expect(result).toMatchObject({ valid: false, failedStep: step })
      expect(bundleLines(result).join('\n')).toContain(`failed       ${step}: ${result.detail}`)
    }
  })

  it('does not verify after any change of a byte that still decodes', async () => {
    let decoded = 0
    for (let at = 18; at < bytes.length; at += 97) {
      const damaged = bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
      let bundle: EvidenceBundle
      try {
        bundle = decodeBundle(damaged)
      } catch {
        continue
      }
      decoded++
      expect((await verify(bundle)).valid, `byte ${at}`).toBe(false)
    }
    expect(decoded).toBeGreaterThan(5)
  })

  it('closes the engine it started, also where recomputing fails', async () => {
    let closed = 0
    const startEngine = async () => ({
      kinds: { ...core.kinds, tensor: { ...core.kinds.tensor, verify: () => Promise.reject(new Error('no memory')) } },
      close: async () => {
        closed++
      },
    })
    await expect(verifyLoadedBundle(loaded(honest), { startEngine })).rejects.toThrow('no memory')
    expect(closed).toBe(1)
  })
})

it('hands the endpoint’s certificate to whoever judges it', async () => {
  const { getContent } = await import('../../../src/core/transport/get-content.ts')
  const content: Content = await getContent({ endpoint: listener.url, path: '/', limitBytes: 10, timeoutMs: 5_000 })
  expect(content).toMatchObject({ status: 404, certificateHash: identity.certificateHash })
})
