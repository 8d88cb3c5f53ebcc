import { type Address, type Hex, keccak256, numberToHex, zeroAddress } from 'viem'
import { describe, expect, it } from 'vitest'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { createGatherOpenings } from '../../../src/core/checker/gather-openings.ts'
import { buildCommitmentTree, packOpening } from '../../../src/core/epoch/opening.ts'
import type { Logger } from '../../../src/core/platform/log.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const chain = { chainId: 31_337, consensus: zeroAddress }
const epoch = 7
const owners = [1, 2, 3, 4, 5, 6].map(i => numberToHex(i, { size: 20 }))
const self = owners[0]!
const words = packOpening({ lanes: [{ rate: 1000, uptime: 10_000, flags: 15 }], evidenceRoot: keccak256('0x01') })
const salt = keccak256('0x02')
/** Every owner commits to the same words for each of four cohorts. */
const trees = new Map(
  owners.map(owner => {
    const cohorts = new Map([0, 1, 2, 3].map(cohort => [cohort, words]))
    return [owner, buildCommitmentTree({ ...chain, epoch, owner, salt }, cohorts, 2)]
  }),
)

/** What each seat does when it is asked: default it gives its opening. */
type Manner = 'opens' | 'takes no connection' | 'is silent' | 'lies'

function scene(manners: Partial<Record<Address, Manner>> = {}) {
  const clock = createManualClock()
  const [reads, warned]: [Address[], unknown[]] = [[], []]
  let gathered = 0
  const asked = new Map<Address, number>()
  const client = {
    readContract: async ({ args: [, owner] }: { args: [bigint, Address] }) => {
      reads.push(owner)
      return trees.get(owner)!.root.slice(0, 58)
    },
  }
  const network = { ...chain, contracts: {}, chain: { client } } as unknown as ConnectedNetwork
  function sessionOf(owner: Address): Session {
    const handlers = new Map<string, (body: unknown) => void>()
    return {
      on(type: string, handler: (body: unknown) => void) {
        handlers.set(type, handler)
        return () => handlers.delete(type)
      },
      onClose: () => () => undefined,
      async send(_: string, body: { epoch: bigint; cohort: number }) {
        asked.set(owner, (asked.get(owner) ?? 0) + 1)
        if (manners[owner] === 'is silent') return
        const given = words.map((word, i) => numberToHex(i === 0 && manners[owner] === 'lies' ? word + 1n : word))
        const proof = trees.get(owner)!.proof(body.cohort)
        setImmediate(() => handlers.get('opening.reply')?.({ ...body, words: given, salt, proof }))
      },
    } as unknown as Session
  }
  const gather = createGatherOpenings({
    ...{ network, self, clock, answerMs: 1_500 },
    sessionWith: owner =>
      manners[owner] === 'takes no connection' ? new Promise(() => undefined) : Promise.resolve(sessionOf(owner)),
    log: { ...silentLogger, warn: (about: unknown) => warned.push(about) } as Logger,
    onGathered: () => gathered++,
  })
  const of = (cohort: number, committee: readonly Hex[] = owners.slice(0, 5), seats = 0b11111) => {
    const own = { seat: committee.indexOf(self), salt, words, proof: trees.get(self)!.proof(cohort) }
    return gather({ epoch, cohort, seats, committee, own })
  }
  return { of, reads, warned, asked, gathered: () => gathered, pass: (ms = 0) => clock.advance(ms) }
}

describe('a keeper that gathers openings', () => {
  it('has them in seat order at the pass after the last seat has given its own, and hears that it has', async () => {
    const { of, gathered, pass } = scene()
    expect(of(0)).toBeNull()
    await pass()
    await pass()
    expect(gathered()).toBe(1)
    expect(of(0)).toEqual(
      owners.slice(0, 5).map((owner, seat) => ({ seat, salt, words, proof: trees.get(owner)!.proof(0) })),
    )
    // Whoever has not committed opens nothing.
    expect(of(0, owners.slice(0, 5), 0b01101)!.map(({ seat }) => seat)).toEqual([0, 2, 3])
  })

  it.each(['takes no connection', 'is silent'] as const)(
    'waits for no seat that %s, neither in its cohort nor in others, and asks it once at a time',
    async manner => {
      const mute = owners[4]!
      const { of, asked, gathered, warned, pass } = scene({ [mute]: manner })
      const without = [...owners.slice(0, 4), owners[5]!]
      expect([of(0), of(1), of(2, without)]).toEqual([null, null, null])
      await pass()
      await pass()
      expect(gathered()).toBe(1)
      expect(of(2, without)).toHaveLength(5)
      for (let i = 0; i < 10; i++) expect(of(0)).toBeNull()
      expect(asked.get(mute) ?? 0).toBe(manner === 'is silent' ? 2 : 0)
      await pass(1_500)
      expect(of(0)).toBeNull()
      await pass(1_500)
      expect(warned).toHaveLength(manner === 'is silent' ? 1 : 0)
      // Those that have answered are not asked again.
      expect(asked.get(owners[1]!)).toBe(3)
    },
  )

  it('reads an owner’s commitment once an epoch, whatever number of cohorts it judges', async () => {
    const { of, reads, pass } = scene()
    for (let cohort = 0; cohort < 4; cohort++) of(cohort)
    await pass()
    await pass()
    for (let cohort = 0; cohort < 4; cohort++) expect(of(cohort)).toHaveLength(5)
    expect(reads).toEqual(owners.slice(1, 5))
  })

  it('takes no opening that is not what its seat committed to, and reads its commitment again', async () => {
    const liar = owners[2]!
    const { of, reads, warned, gathered, pass } = scene({ [liar]: 'lies' })
    for (let i = 0; i < 3; i++) {
      expect(of(0)).toBeNull()
      await pass()
      await pass()
    }
    expect(gathered()).toBe(0)
    expect(warned).toMatchObject([{ owner: liar, reason: 'the opening is not what it committed to' }])
    expect(reads.filter(owner => owner === liar)).toHaveLength(3)
  })
})
