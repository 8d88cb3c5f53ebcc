import type { Address, Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { checkerErrors } from '../../../src/core/checker/errors.ts'
import { createPeerServer } from '../../../src/core/checker/peers.ts'
import type { Session } from '../../../src/core/transport/session.ts'

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const commitment = { message: { epoch: 7n } }

/** Peers' sessions with nothing below them: `say` is what a peer sends over one of its own, `connect` opens one more. */
function scene(takeWrongWork: () => Promise<void>) {
  let nowMs = 0
  const serve = createPeerServer({
    seatOf: () => null,
    judgeOf: () => ({ takeWrongWork }),
    phaseOf: async () => 'open',
    now: () => nowMs,
  })
  function connect(operator: Address) {
    const handlers = new Map<string, (body: unknown, payload: Uint8Array) => unknown>()
    serve({ operator, on: (type: string, handler: never) => handlers.set(type, handler) } as unknown as Session)
    return async (type: string, body: unknown) => handlers.get(type)!(body, new Uint8Array())
  }
  return {
    connect,
    say: connect('0x01'),
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('a peer', () => {
  it('a peer has one wrong row recomputed at a time, and waits after eight that are none', async () => {
    let [running, most, recomputed] = [0, 0, 0]
    const { say, pass } = scene(async () => {
      recomputed++
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
      throw checkerErrors.CHECKER_WRONG_WORK_UNPROVEN({ reason: 'it is right' })
    })
    const said = await Promise.allSettled(Array.from({ length: 1_000 }, () => say('wrong.work', { commitment })))
    expect(said.every(({ status }) => status === 'rejected')).toBe(true)
    expect([recomputed, most]).toEqual([8, 1])
    pass(60_000)
    await say('wrong.work', { commitment }).catch(() => undefined)
    expect(recomputed).toBe(9)
  })

  it('a peer that connects again and again has no more rows recomputed, and takes nothing from another one', async () => {
    let [running, most, recomputed] = [0, 0, 0]
    const { connect, pass } = scene(async () => {
      recomputed++
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
      throw checkerErrors.CHECKER_WRONG_WORK_UNPROVEN({ reason: 'it is right' })
    })
    const say = (operator: Address) => connect(operator)('wrong.work', { commitment }).catch(() => undefined)
    await Promise.all(Array.from({ length: 100 }, () => say('0x01')))
    expect([recomputed, most]).toEqual([8, 1])
    for (let i = 0; i < 100; i++) await say('0x01')
    expect(recomputed).toBe(8)
    await say('0x02')
    expect(recomputed).toBe(9)
    // Refilled, it is forgotten, and has no more than anybody.
    pass(3_600_000)
    for (let i = 0; i < 100; i++) await say('0x01')
    expect(recomputed).toBe(17)
  })

  it('proven wrong rows, and rows of a round that is not known yet, cost a peer nothing', async () => {
    let taken = 0
    const { say } = scene(async () => {
      if (++taken % 2 === 0) throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: hash(1) })
    })
    await Promise.allSettled(Array.from({ length: 256 }, () => say('wrong.work', { commitment })))
    expect(taken).toBe(256)
  })

  it('a peer that asks for an opening of an epoch that this seat does not judge is refused without a read of the chain', async () => {
    const { say } = scene(async () => undefined)
    const asked = say('opening.request', { epoch: 7n, cohort: 0 })
    await expect(asked).rejects.toMatchObject({ code: 'CHECKER_OPENING_UNAVAILABLE' })
  })
})
