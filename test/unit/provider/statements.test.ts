/** Whose evidence is collected when: seats that ask for all devices of a host, on a card's tool that takes its time. */
import { type Address, type Hex, keccak256, toHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { deviceRecord, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { nonceLifeMs } from '../../../src/core/protocol/network-parameters.ts'
import { createStatements } from '../../../src/core/provider/statements.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const [hostile, first, second] = ['0x01', '0x02', '0x03'] as const satisfies Address[]
const probed = probedDevice(
  deviceRecord({ kind: 'gpu', vendor: 'nvidia', model: 'NVIDIA L4', identity: 'GPU-a', identitySource: 'uuid' }),
)
const minuteMs = 60_000

/** A host with this many attested cards; each collection takes `collectMs` and covers one nonce. */
function host({ cards, collectMs }: { readonly cards: number; readonly collectMs: number }) {
  const clock = createManualClock()
  const devices = Array.from({ length: cards }, (_, i) => ({ deviceId: hash(i + 1), probed }))
  const collected: Hex[] = []
  const statementOf = createStatements(
    { devices, certificateHash: hash(1), environment: '{}' },
    {
      async attest(_, nonce) {
        collected.push(nonce)
        await clock.sleep(collectMs)
        return { evidence: nonce }
      },
      isAttested: () => true,
      generationOf: () => 1,
      intervalSeconds: () => 60,
      clock,
    },
  )
  /** What became of a request: how long its seat waited, in ms, or the code it was refused with. */
  async function ask(seat: Address, device: number, nonce = keccak256(toHex(`${seat} ${device}`))) {
    const askedMs = clock.monotonicMs()
    try {
      const statement = await statementOf(seat, hash(device), nonce)
      expect(statement?.attestation).toBe(nonce)
      return clock.monotonicMs() - askedMs
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const askAll = (seat: Address) => devices.map((_, i) => ask(seat, i + 1))
  async function pass(ms: number) {
    for (const until = clock.monotonicMs() + ms; clock.monotonicMs() < until; ) await clock.advance(1_000)
  }
  return { clock, collected, ask, askAll, pass }
}

describe('evidence of a host’s cards', () => {
  it('evidence is collected for honest seats while their nonces are fresh, however often another seat asks for all cards', async () => {
    const { askAll, pass } = host({ cards: 8, collectMs: 10_000 })
    for (let minute = 0; minute < 20; minute++) {
      askAll(hostile)
      await pass(minuteMs)
    }
    const honest = [...askAll(first), ...askAll(second)]
    for (let minute = 0; minute < 10; minute++) {
      askAll(hostile)
      await pass(minuteMs)
    }
    for (const waitedMs of await Promise.all(honest)) expect(waitedMs).toBeLessThanOrEqual(250_000)
  })

  it('evidence is collected for one seat after the other, in turns', async () => {
    const { collected, ask, pass } = host({ cards: 3, collectMs: 1_000 })
    const asked = [
      ...[1, 2, 3].map(device => ask(hostile, device, hash(0x10 + device))),
      ...[1, 2, 3].map(device => ask(first, device, hash(0x20 + device))),
      ask(second, 2, hash(0x32)),
    ]
    await pass(10_000)
    await Promise.all(asked)
    expect(collected.map(Number)).toEqual([0x11, 0x21, 0x32, 0x12, 0x22, 0x13, 0x23])
  })

  it('a seat gets evidence again once it had none from the host for the interval', async () => {
    const { collected, ask, askAll, pass } = host({ cards: 2, collectMs: 40_000 })
    const both = askAll(first)
    await pass(80_000)
    expect(await Promise.all(both)).toEqual([40_000, 80_000])
    await pass(59_000)
    expect(await ask(first, 1)).toBe('PROVIDER_ATTESTATION_TOO_SOON')
    await pass(1_000)
    const again = ask(first, 1)
    await pass(40_000)
    expect([await again, collected.length]).toEqual([40_000, 3])
  })

  it('evidence is collected over the newest nonce of a seat that connected anew while it waited', async () => {
    const { collected, ask, pass } = host({ cards: 2, collectMs: 10_000 })
    const ahead = ask(first, 1, hash(1))
    const former = ask(first, 2, hash(2))
    const newer = ask(first, 2, hash(3))
    expect(await former).toBe('PROVIDER_ATTESTATION_TOO_SOON')
    await pass(20_000)
    expect([await ahead, await newer]).toEqual([10_000, 20_000])
    expect(collected).toEqual([hash(1), hash(3)])
  })

  it('evidence is not collected for a nonce that ran out meanwhile', async () => {
    const { collected, ask, pass } = host({ cards: 3, collectMs: nonceLifeMs / 2 + 1_000 })
    const asked = [1, 2, 3].map(device => ask(first, device, hash(device)))
    await pass(nonceLifeMs + 10_000)
    expect(await Promise.all(asked)).toEqual([151_000, 302_000, 'PROVIDER_ATTESTATION_TOO_LATE'])
    expect(collected).toEqual([hash(1), hash(2)])
  })
})
