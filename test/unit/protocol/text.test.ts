/** What peers say reaches logs, terminals, pages and labels as text: nothing of it is obeyed by a terminal, or unseen. */
import fc from 'fast-check'
import { encodeErrorResult, parseAbi, RpcRequestError } from 'viem'
import { describe, expect, it } from 'vitest'
import { getChecker } from '../../../src/core/chain/checkers.ts'
import { decodeChainError } from '../../../src/core/chain/decode-error.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { judgeDeviceReport } from '../../../src/core/checker/device-check.ts'
import { createRecordPolicy } from '../../../src/core/checker/record-policy.ts'
import { deviceRecord } from '../../../src/core/devices/probed-device.ts'
import { createLogger } from '../../../src/core/platform/log.ts'
import { printable } from '../../../src/core/platform/printable.ts'
import { canonicalJson } from '../../../src/core/protocol/canonical-json.ts'
import {
  deviceRecordSchema,
  encodeDeviceRecord,
  environmentRecordSchema,
} from '../../../src/core/protocol/device-record.ts'
import { messageBodies } from '../../../src/core/protocol/messages.ts'
import { plainText } from '../../../src/core/protocol/primitives.ts'
import { eventText } from '../../../src/core/view/event-text.ts'
import { anyText } from '../../helpers/arbitraries.ts'
import { environmentRecord } from '../../helpers/environment.ts'

/** A title, a cleared screen, colours, the clipboard, C1's introducer, an override of direction, a forged line. */
const evil =
  '\u001b]0;pwned\u0007\u001b[2J\u001b[1;32mall VALID\u001b[0m\u001b]52;c;cm0K\u0007\u009b2J\u202eDILAV\n12:00:00 info'
const obeyed = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const word = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const
const signature = `0x${'1'.repeat(130)}`
const cpu = { kind: 'cpu', vendor: 'cpu', identity: 'a', identitySource: 'machine-id' } as const
const record = deviceRecord({ ...cpu, model: 'AMD EPYC™ 9654' })

describe('text of peers', () => {
  it('unprintable text is refused where it is signed or hashed: device records, environments, reasons of an abort', () => {
    for (const field of ['model', 'identity', 'driver', 'firmware', 'pciBusId'])
      expect(deviceRecordSchema.safeParse({ ...record, [field]: evil }).success, field).toBe(false)
    expect(deviceRecordSchema.safeParse({ ...record, isa: ['\u001b[2J'] }).success).toBe(false)
    expect(deviceRecordSchema.safeParse(record).success).toBe(true)
    for (const field of [
      'kaisar',
      'os',
      'kernel',
      'architecture',
      'virtualisation',
      'container',
      'node',
      'onnxRuntime',
    ])
      expect(environmentRecordSchema.safeParse({ ...environmentRecord, [field]: evil }).success, field).toBe(false)
    for (const field of ['executionProviders', 'kernels'])
      expect(environmentRecordSchema.safeParse({ ...environmentRecord, [field]: ['\u009b2J'] }).success).toBe(false)
    const abort = (reason: string) => ({
      message: { epoch: '0', round: word(1), deviceId: word(1), generation: 1, reason },
      signature,
    })
    expect(messageBodies['job.abort'].safeParse(abort(evil)).success).toBe(false)
    expect(messageBodies['job.abort'].safeParse(abort('CUDA error 999: unknown error')).success).toBe(true)
  })

  it('signed text that is too long is refused for that alone, and never searched', () => {
    const { error } = plainText(256).safeParse('\u202e'.repeat(100_000))
    expect(error?.issues.map(({ code }) => code)).toEqual(['too_big'])
  })

  it('unprintable characters become spaces in text for people: refusals, and endpoints on chain', async () => {
    const refusal = messageBodies.refused.parse({ code: 'A', message: evil, regarding: evil.slice(0, 100) })
    expect(refusal.message + refusal.regarding).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    const checker = { operator: word(1), payout: word(1), index: 1, endpoint: evil, unbondingUntil: 0n }
    const network = { contracts: {}, chain: { client: { readContract: async () => checker } } }
    const read = await getChecker(network as unknown as ConnectedNetwork, word(1))
    expect(read?.endpoint).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  it('what a node or a contract says of a failure is an error that can be printed, of a length that can be read', () => {
    const said = (message: string) => new RpcRequestError({ url: '', body: {}, error: { code: -32_000, message } })
    const data = encodeErrorResult({ abi: parseAbi(['error Error(string)']), args: [evil] })
    const reverted = Object.assign(said('execution reverted'), { data })
    for (const cause of [said(evil), reverted]) {
      const { message } = decodeChainError(cause, 'eth_call')
      expect(message).toContain('all VALID')
      expect(message).not.toMatch(obeyed)
    }
    expect(decodeChainError(said('x'.repeat(100_000)), 'eth_call').message.length).toBeLessThan(1_200)
  })

  it('text of a tool that our own probe reads becomes text that a Checker accepts', () => {
    const probed = deviceRecord({ ...cpu, model: evil, driver: evil, part: { ...part, of: evil } })
    expect(deviceRecordSchema.safeParse(probed).success).toBe(true)
  })

  it('a record or evidence that cannot be read is not quoted raw in a finding', async () => {
    const device = canonicalJson({ ...record, model: evil })
    const attested = encodeDeviceRecord(deviceRecord({ ...cpu, kind: 'gpu', vendor: 'nvidia', model: 'NVIDIA L4' }))
    for (const [text, attestation] of [
      [device, null],
      [attested, `{"a": ${evil}`],
    ] as const) {
      const report = { deviceId: word(1), generation: 1, nonce: word(1), deviceHash: word(1), environmentHash: word(1) }
      const { findings } = await judgeDeviceReport(
        {
          network: { chainId: 1, consensus: `0x${'c0'.repeat(20)}` },
          registration: {
            ...{ deviceId: word(1), generation: 1, operator: `0x${'aa'.repeat(20)}`, deviceHash: word(1) },
            ...{ certificateHash: word(1), attestedIdentity: word(attestation === null ? 0 : 9) },
          },
          nonce: word(1),
          peerCertificateHash: word(1),
          body: {
            report: {
              message: { ...report, certificateHash: word(1), attestationHash: word(1) },
              signature: signature as `0x${string}`,
            },
            ...{ device: text, environment: canonicalJson(environmentRecord), attestation },
          },
        },
        { policy: createRecordPolicy({ chainId: 1 }, { measuredRate: () => null, identityOwner: async () => null }) },
      )
      const codes = findings.map(({ code }) => code)
      expect(codes).toContain(attestation === null ? 'DEVICE_RECORD_UNKNOWN' : 'ATTESTATION_UNREADABLE')
      for (const { detail } of findings) expect(detail).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }
  })

  it.each(['json', 'text'] as const)(
    'a control character that slipped into a log in %s is not obeyed by a terminal',
    format => {
      const lines: string[] = []
      const log = createLogger({ level: 'info', format }, { write: line => lines.push(line) })
      log.warn({ reason: evil, nested: { evil }, error: new Error(evil) }, evil)
      expect(lines).toHaveLength(1)
      expect(lines[0]).not.toMatch(obeyed)
      expect(lines[0]).toContain('\\u001b')
      if (format === 'json') expect(JSON.parse(lines[0]!)).toMatchObject({ message: evil, reason: evil })
      // A line of its own is not forged in the fields.
      else expect(lines[0]!.split('\n')[0]).toContain('reason=')
    },
  )

  it('a daemon’s text is one line', () => {
    const aborted = { type: 'round.aborted', epoch: 1, round: word(1), deviceId: word(2), reason: evil } as const
    expect(eventText(aborted)).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  it('text is accepted if and only if it is printable, and then stays as it is', () => {
    fc.assert(
      fc.property(anyText({ maxLength: 64 }), text => {
        const shown = printable(text)
        expect(plainText(64).safeParse(text).success).toBe(shown === text)
        expect(printable(shown)).toBe(shown)
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      }),
    )
  })
})

const part = { of: null, profile: null, gpuInstance: null, computeInstance: null }
