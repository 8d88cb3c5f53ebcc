import { describe, expect, it } from 'vitest'
import type { RegisteredDevice } from '../../../src/core/chain/devices.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { createAdmission } from '../../../src/core/checker/admit-peer.ts'
import type { Claim } from '../../../src/core/transport/session-handshake.ts'

const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const
const operator = `0x${'aa'.repeat(20)}` as const
const stranger = `0x${'bb'.repeat(20)}` as const
const deviceIds = Array.from({ length: 256 }, (_, i) => hash(i + 1))
const claim = { role: 'provider', operator, deviceIds, certificateHash: hash(9000) } as unknown as Claim

function scene() {
  const reads: string[] = []
  let certificateHash = hash(9000)
  const admit = createAdmission({} as ConnectedNetwork, async (_, id) => {
    reads.push(id)
    return { id, operator, record: { certificateHash } } as RegisteredDevice
  })
  return {
    admit,
    reads,
    renew: () => {
      certificateHash = hash(9001)
    },
  }
}

describe('admission', () => {
  it('a stranger costs one look at the chain, however many devices it claims', async () => {
    const { admit, reads } = scene()
    expect(await admit({ ...claim, operator: stranger })).toContain('is not registered by')
    expect(reads).toHaveLength(1)
  })

  it('an operator that comes again costs none, until its certificate is another', async () => {
    const { admit, reads, renew } = scene()
    expect(await admit(claim)).toBeNull()
    expect(await admit(claim)).toBeNull()
    expect(reads).toHaveLength(256)
    renew()
    expect(await admit({ ...claim, certificateHash: hash(9001) })).toBeNull()
    expect(await admit({ ...claim, certificateHash: hash(9002) })).toContain('is not the registered one')
    expect(await admit({ ...claim, deviceIds: [] })).toBe('it names no device')
  })
})
