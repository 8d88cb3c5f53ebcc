import { describe, expect, it } from 'vitest'
import type { RegisteredDevice } from '../../../src/core/chain/devices.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { createAdmission } from '../../../src/core/checker/seat-server.ts'
import type { Claim } from '../../../src/core/transport/session-handshake.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const
const operator = `0x${'aa'.repeat(20)}` as const
const stranger = `0x${'bb'.repeat(20)}` as const
const deviceIds = Array.from({ length: 256 }, (_, i) => hash(i + 1))
const claim = { role: 'provider', operator, deviceIds, certificateHash: hash(9000) } as unknown as Claim

function scene() {
  const reads: string[] = []
  let certificateHash = hash(9000)
  const clock = createManualClock()
  let bond = 1n
  let hasLeft = false
  const admit = createAdmission({} as ConnectedNetwork, {
    clock,
    isExpected: expected => expected === operator,
    readDevice: async (_, id) => {
      reads.push(id)
      if (hasLeft) return null
      return { id, operator, record: { certificateHash } } as RegisteredDevice
    },
    readChecker: async (_, owner) => {
      reads.push(owner)
      return { bond, certificateHash: hash(9000) }
    },
  })
  return {
    admit,
    reads,
    clock,
    unbond: () => {
      bond = 0n
    },
    leave: () => {
      hasLeft = true
    },
    renew: () => {
      certificateHash = hash(9001)
    },
  }
}

describe('admission', () => {
  it('a stranger’s claim costs one read of the chain, however many devices it names', async () => {
    const { admit, reads } = scene()
    expect(await admit({ ...claim, operator: stranger })).toContain('is not registered by')
    expect(reads).toHaveLength(1)
  })

  it('an operator that comes again costs no read, until its certificate is another', async () => {
    const { admit, reads, renew } = scene()
    expect(await admit(claim)).toBeNull()
    expect(await admit(claim)).toBeNull()
    expect(reads).toHaveLength(256)
    renew()
    expect(await admit({ ...claim, certificateHash: hash(9001) })).toBeNull()
    expect(await admit({ ...claim, certificateHash: hash(9002) })).toContain('is not the registered one')
    expect(await admit({ ...claim, deviceIds: [] })).toBe('it names no device')
  })

  it('a registration is believed for an hour: whoever has left the chain is not let in after it', async () => {
    const { admit, clock, leave } = scene()
    expect(await admit(claim)).toBeNull()
    leave()
    await clock.advance(3_599_000)
    expect(await admit(claim)).toBeNull()
    await clock.advance(2_000)
    expect(await admit(claim)).toContain('is not registered by')
  })

  it('strangers cause four reads a second in all, whatever keys they have, while an operator of the duty is admitted', async () => {
    const { admit, reads, clock } = scene()
    const answers = new Set<string | null>()
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 200; i++) {
        const key = `0x${(second * 200 + i).toString(16).padStart(40, 'c')}` as const
        answers.add((await admit({ ...claim, role: i % 2 ? 'provider' : 'checker', operator: key }))!)
      }
      await clock.advance(1_000)
    }
    expect(reads.length).toBeLessThanOrEqual(64 + 4 * 10)
    expect([...answers].some(answer => answer?.includes('too many'))).toBe(true)
    expect(await admit(claim)).toBeNull()
  })

  it('an answered claim costs no read for five seconds, and an expected operator four reads a second at most', async () => {
    const { admit, reads, clock } = scene()
    for (let i = 0; i < 1_000; i++) await admit({ ...claim, operator: stranger })
    expect(reads).toHaveLength(1)
    await clock.advance(5_000)
    await admit({ ...claim, operator: stranger })
    expect(reads).toHaveLength(2)
    const foreign = (i: number): Claim => ({ ...claim, certificateHash: hash(i), deviceIds: [hash(10_000 + i)] })
    for (let i = 0; i < 5_000; i++) await admit(foreign(i))
    expect(reads.length - 2).toBe(1_024)
  })

  it('an operator has 32 sessions at once, one after the other, and one a second then; others have theirs', async () => {
    const { admit, clock } = scene()
    const peer: Claim = { ...claim, role: 'checker', deviceIds: [] }
    async function came(who: Claim, times: number) {
      let letIn = 0
      for (let time = 0; time < times; time++) if ((await admit(who)) === null) letIn++
      return letIn
    }
    expect(await came(claim, 100)).toBe(32)
    expect(await came(peer, 100)).toBe(32)
    await clock.advance(3_000)
    expect(await came(claim, 100)).toBe(3)
    expect(await admit(claim)).toContain('too often')
  })

  it('a Checker is admitted for its bond, and refused once it has taken the bond back', async () => {
    const { admit, clock, unbond } = scene()
    const peer: Claim = { ...claim, role: 'checker', deviceIds: [] }
    expect(await admit(peer)).toBeNull()
    unbond()
    await clock.advance(5_000)
    expect(await admit(peer)).toContain('is not a bonded Checker')
  })
})
