import { expect, it } from 'vitest'
import { messageBodies } from '../../src/core/protocol/messages.ts'
import { paidEpochs } from './audit-network.ts'
import { type FuzzResult, runFuzz } from './fuzz.ts'

const seed = Number(process.env.KAISAR_FUZZ_SEED ?? 20_261_129)
const messages = Number(process.env.KAISAR_FUZZ_MESSAGES ?? 20_000)
const command = `KAISAR_FUZZ_SEED=${seed} KAISAR_FUZZ_MESSAGES=${messages} npx vitest run --project sim test/sim/fuzz.test.ts`
/** Some ms for a message, on a machine that has other things to do. */
const timeoutMs = 900_000 + 4 * messages
const mebibyte = 2 ** 20

it(
  `daemons that are fuzzed as a whole serve who is honest, and hold little (to repeat: ${command})`,
  async () => {
    const result = await runFuzz({ seed, messages })
    // The long run tells its figures.
    if (process.env.KAISAR_FUZZ_MESSAGES !== undefined) process.stdout.write(`${figuresOf(result)}\n`)
    const { epochs, connections, lines, reads, rows, audit } = result

    expect(result.findings).toEqual([])
    expect(audit).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
    expect(paidEpochs(audit)).toHaveLength(epochs)
    // Two rounds of each epoch, at each of four honest seats, and not one of them missed.
    expect(Object.keys(result.verdicts)).toEqual(['VALID'])
    expect(result.verdicts.VALID).toBeGreaterThanOrEqual(8 * epochs)
    expect(result.fewestVerdicts).toBeGreaterThanOrEqual(2)
    expect(result.honestSessionsLost).toBe(0)

    expect(result.messages).toBe(messages)
    expect(result.sessions).toBeGreaterThan(messages / 500)
    const parties = ['stranger', 'operator', 'provider', 'peer', 'seat']
    const ways = ['generated', 'mutated', 'replayed', 'bent', 'shattered']
    const kinds = parties.flatMap(party => ways.map(way => `${party} ${way}`))
    expect(kinds.filter(kind => result.byKind[kind] === undefined)).toEqual([])
    expect(Object.keys(result.byType).sort()).toEqual(Object.keys(messageBodies).sort())
    // Much of it was believed until late.
    const late = [
      'CHECKER_ROUND_UNKNOWN',
      'CHECKER_REPORT_UNASKED',
      'CHECKER_SIGNATURE_INVALID',
      'CHECKER_OPENING_UNAVAILABLE',
    ]
    const atProviders = ['PROVIDER_NOT_FROM_SEAT', 'PROVIDER_RECEIPT_UNWANTED', 'PROVIDER_DEVICE_UNKNOWN']
    expect(Object.keys(result.refusals)).toEqual(
      expect.arrayContaining([...late, ...atProviders, 'SESSION_NOT_ADMITTED']),
    )

    expect(result.leftOpen).toBeLessThan(20)
    expect(reads.fuzzed).toBeLessThan(3 * reads.quiet)
    expect((lines.info ?? 0) + (lines.warn ?? 0) + (lines.error ?? 0)).toBeLessThan(connections + 100 * epochs)
    expect(lines.debug).toBeLessThan(messages)
    expect(Object.values(rows).reduce((sum, count) => sum + count, 0)).toBeLessThan(300 * (epochs + 1))
    expect(result.storeBytes).toBeLessThan(16 * mebibyte)
    expect(result.memoryBytes).toBeLessThan(32 * mebibyte)

    // The seed alone decides what is said, by whom and when.
    const again = await runFuzz({ seed, messages, isCutShort: true })
    expect(again.fingerprint).toBe(result.fingerprint)
    expect(again.findings).toEqual([])
  },
  timeoutMs,
)

const figuresOf = ({ audit, ...figures }: FuzzResult) =>
  JSON.stringify({ seed, ...figures, verdicts: { ...figures.verdicts, ofAll: audit.verdicts } })
