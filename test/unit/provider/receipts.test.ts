/** What a Provider keeps of a seat's receipt: what was signed, and beside it what it is made of, where that fits. */
import { expect, it } from 'vitest'
import { laneRateOf, type Measures } from '../../../src/core/epoch/capacity.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { type MessageBody, messageBodies, toWire } from '../../../src/core/protocol/messages.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import { serveSeat } from '../../../src/core/provider/seats.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const bytes32 = (byte: string) => `0x${byte.repeat(32)}` as const
const network = { chainId: 31_337, consensus: `0x${'c0'.repeat(20)}` } as const
const seat = createSigner({ privateKey: bytes32('11'), network })
const measures: Measures = { tensor: 40_000, bandwidth: 9_000, resident: 64 }

/** A Provider that has just opened a session with the seat. */
function scene() {
  const journal = createProviderJournal(openStore({ path: ':memory:', migrations: providerMigrations }))
  const told: (Measures | null)[] = []
  type OnReceipt = (body: MessageBody<'receipt'>) => void
  let take: OnReceipt = () => expect.unreachable()
  const on = (type: string, handler: unknown) => {
    if (type === 'receipt') take = handler as OnReceipt
  }
  serveSeat({ operator: seat.address, on } as unknown as Session, {
    ...{ network, signer: seat, journal, log: silentLogger, now: () => 0, wantsReceipt: () => true },
    roundWork: {} as never,
    statementOf: async () => null,
    onReceipt: (_, __, said) => told.push(said),
  })
  /** A receipt as it arrives: through the wire and the schema of the message. */
  async function receive(deviceId: `0x${string}`, said: Partial<Measures> | undefined) {
    const message = { epoch: 3n, cohort: 0, lane: 1, deviceId, generation: 1, uptime: 10_000, flags: 15 }
    const receipt = await signMessage(seat, 'Receipt', { ...message, rate: laneRateOf(measures) })
    take(messageBodies.receipt.parse(toWire({ ...receipt, ...(said && { measures: said }) })))
    return journal.receipts(deviceId, 3)
  }
  return { receive, told }
}

it('measures that give the signed capacity are kept beside the receipt', async () => {
  const { receive, told } = scene()
  expect(await receive(bytes32('d1'), measures)).toHaveLength(1)
  expect(told).toEqual([measures])
})

it.each([
  ['other measures', { ...measures, tensor: 80_000 }],
  ['no measures', undefined],
])('a receipt with %s counts as signed and is kept without', async (_, said) => {
  const { receive, told } = scene()
  const [kept] = await receive(bytes32('d1'), said)
  expect(kept!.receipt.message.rate).toBe(laneRateOf(measures))
  expect(told).toEqual([null])
})

it.each([{ tensor: 1 }, { ...measures, resident: -1 }, { ...measures, bandwidth: 0.5 }])(
  'measures of another form are refused with their message: %j',
  async said => {
    await expect(scene().receive(bytes32('d1'), said)).rejects.toThrow()
  },
)
