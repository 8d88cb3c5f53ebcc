/**
 * The oracle: what the chain must show after faults. Every seat's opening is recomputed from its own records, tallied and priced
 * by the pure mirrors of the contracts, and compared with what was committed, opened and paid, to the wei.
 */
import { type Address, type Hex, toFunctionSelector } from 'viem'
import { getDevices } from '../../src/core/chain/devices.ts'
import { commitmentOf, getCohort, getEpoch } from '../../src/core/chain/epochs.ts'
import type { ConnectedNetwork } from '../../src/core/chain/network.ts'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import type { Role } from '../../src/core/devnet/roles.ts'
import { unpackOpening } from '../../src/core/epoch/opening.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { paymentOf } from '../../src/core/epoch/rewards.ts'
import { tally } from '../../src/core/epoch/tally.ts'
import { committeeSize } from '../../src/core/protocol/constants.ts'
import { creditsOf } from '../helpers/epoch-credits.ts'
import { chainEvidence, seatEvidence } from './seat-evidence.ts'

export type Audit = {
  /** What should be on chain and is not. */
  readonly lost: readonly string[]
  /** Seats that made no commitment for an epoch at all: nothing was promised, and nothing is earned. */
  readonly absent: readonly string[]
  /** What is there twice, or was signed twice. */
  readonly doubled: readonly string[]
  /** Honest devices that were called wrong, or lost a flag. */
  readonly honestFailed: readonly string[]
  /** Payments to devices that differ from the oracle's. */
  readonly mispaid: readonly string[]
  /** Members of an epoch that fewer than three seats judged. */
  readonly unjudged: readonly string[]
  /** How many devices and epochs were paid less, and more, than the oracle says. */
  readonly underpaid: number
  readonly overpaid: number
  /** Verdicts by name, of honest seats about honest devices. */
  readonly verdicts: Readonly<Record<string, number>>
  /** Paid by epoch and device, as the oracle has it. */
  readonly expected: ReadonlyMap<number, ReadonlyMap<Hex, bigint>>
}

export type AuditOptions = {
  readonly network: ConnectedNetwork
  readonly roles: readonly Role[]
  /** Holds a folder for each role. */
  readonly dataDir: string
  /** Roles that cheat on purpose: a Checker's evidence counts for nothing, a Provider must be paid nothing. */
  readonly dishonest?: readonly string[]
  /** Providers that do as they please: paid what the oracle says, whatever that is. */
  readonly hostile?: readonly string[]
}

export type Auditor = {
  /** Looks at epochs that are over and were not looked at, up to this one, oldest first; the chain keeps four. */
  audit(lastEpoch: number): Promise<void>
  /** What was found, with what the whole chain shows now. */
  result(): Promise<Audit>
}

export function createAuditor({ network, roles, dataDir, dishonest = [], hostile = [] }: AuditOptions): Auditor {
  const lost: string[] = []
  const absent: string[] = []
  const doubled: string[] = []
  const honestFailed: string[] = []
  const mispaid: string[] = []
  const verdicts: Record<string, number> = {}
  const expected = new Map<number, Map<Hex, bigint>>()
  const isHonest = ({ name }: Role) => !dishonest.includes(name)
  const isHostile = ({ name }: Role) => hostile.includes(name)
  const roleOf = (operator: string) => roles.find(role => role.operator === operator)!
  const firstStanding = BigInt(devnetParameters(`0x${'00'.repeat(32)}`).scores.firstStanding)
  const standings = new Map<Hex, bigint>()
  /** Devices whose last judged epoch earned nothing. */
  const silent = new Set<Hex>()
  const unjudged: string[] = []
  /** Those that left stay known. */
  const operators = new Map<Hex, Address>()
  let underpaid = 0
  let overpaid = 0

  let next = 0

  /** A device that leaves while it is silent comes back with a quarter less, and with nothing held against it. */
  function takeFromLeft(members: ReadonlySet<Hex>) {
    for (const device of silent) {
      if (members.has(device)) continue
      const standing = standings.get(device) ?? 0n
      standings.set(device, standing - standing / 4n)
      silent.delete(device)
    }
  }

  async function auditEpoch(epoch: number) {
    const { seed, money, members: memberCount } = await getEpoch(network, epoch)
    if (seed === null) {
      lost.push(`epoch ${epoch}: it had no seed`)
      return
    }
    const onChain = await chainEvidence(network, epoch)
    const seats = await Promise.all(
      roles.filter(({ kind }) => kind === 'checker').map(role => seatEvidence(network, dataDir, role, onChain)),
    )
    const paid = await readPayments(network, epoch)
    if (memberCount === 0) {
      if (paid.length > 0) mispaid.push(`epoch ${epoch}: paid, though it has no device`)
      takeFromLeft(new Set())
      return
    }
    for (const { id, operator } of await getDevices(network)) operators.set(id, operator)
    const owed = new Map<Hex, bigint>()
    expected.set(epoch, owed)
    if (memberCount > 64) throw new Error('this oracle knows one cohort')
    const cohort = await getCohort(network, epoch, 0)
    const committee = seats[0]!.duty.committees.get(0) ?? cohort.seats ?? []
    if (cohort.state !== 'final') lost.push(`epoch ${epoch}: the cohort is ${cohort.state}`)

    for (const { role, root, recorded, verdicts: said, contradictions } of seats) {
      const seat = committee.indexOf(role.operator)
      if (seat < 0) continue
      const committed = await commitmentOf(network, epoch, role.operator)
      if (committed === null && !recorded) absent.push(`epoch ${epoch}: ${role.name}`)
      else if (committed === null) lost.push(`epoch ${epoch}: the commitment that ${role.name} recorded`)
      else if (!root.startsWith(committed))
        lost.push(`epoch ${epoch}: the records of ${role.name} give another commitment`)
      else if (((cohort.opened >> seat) & 1) === 0) lost.push(`epoch ${epoch}: ${role.name} committed and did not open`)
      if (!isHonest(role)) continue
      if (contradictions.some(device => !isHostile(roleOf(operators.get(device)!))))
        doubled.push(`${role.name} holds two commitments of one device and round`)
      for (const { deviceId, kind, verdict, reason, detail } of said) {
        const operator = operators.get(deviceId)
        if (operator === undefined || !isHonest(roleOf(operator)) || isHostile(roleOf(operator))) continue
        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1
        // Who came back has its memory to fill, and signs off from a beat that comes meanwhile; who stood still over a window, from its round.
        const isOwnFall = kind === 'beat' || /its trigger was seen \d+ ms late/.test(detail)
        if (verdict === 'WRONG' || (verdict === 'UNSUPPORTED' && !isOwnFall))
          honestFailed.push(
            `epoch ${epoch}: ${role.name} says ${verdict} (${reason}: ${detail}) of ${roleOf(operator).name}`,
          )
      }
    }

    const occupied = cohort.members.map(member => member !== null)
    // An epoch that got no seed has no committee: nobody has opened.
    const owners = committee.length > 0 ? committee : Array.from({ length: committeeSize }, () => null)
    const openings = owners.map(owner => {
      if (owner === null) return null
      const seat = seats.find(({ role }) => role.operator === owner)!
      const committed = ((cohort.opened >> committee.indexOf(owner)) & 1) === 1
      return committed && isHonest(seat.role) ? unpackOpening(seat.words.get(0)!) : null
    })
    const { lanes, certain } = tally(openings, occupied)
    const members = cohort.members.flatMap((device, lane) => (device === null ? [] : [{ device, lane }]))
    const before = members.map(({ device }) => standings.get(device) ?? 0n)
    const { credits, denominator } = creditsOf(
      members.map(({ device, lane }, i) => ({
        lane: lanes[lane]!,
        standing: before[i]!,
        silent: silent.has(device),
        certain: certain[lane]!,
      })),
      firstStanding,
    )
    for (const [i, { device, lane }] of members.entries()) {
      const { credit, standing } = credits[i]!
      standings.set(device, standing)
      if (credit > 0n || (before[i] === 0n && standing > 0n)) silent.delete(device)
      else if (lanes[lane]!.flags & 8) silent.add(device)
      else unjudged.push(`epoch ${epoch}: ${device}`)
      const role = roleOf(operators.get(device)!)
      const amount = paymentOf(credit, { ...money, denominator })
      owed.set(device, amount)
      const made = paid.filter(payment => payment.kind === 'device' && payment.lane === lane)
      const sum = made.reduce((total, payment) => total + payment.amount, 0n)
      if (made.length > 1) doubled.push(`epoch ${epoch}: ${role.name} was paid ${made.length} times`)
      if (amount > 0n && made.length === 0) lost.push(`epoch ${epoch}: ${role.name} was not paid`)
      else if (sum !== amount) mispaid.push(`epoch ${epoch}: ${role.name} was paid ${sum}, the oracle says ${amount}`)
      if (sum < amount) underpaid += 1
      if (sum > amount) overpaid += 1
      if (isHonest(role) && !isHostile(role) && lanes[lane]!.flags !== 0xf)
        honestFailed.push(`epoch ${epoch}: ${role.name} has flags ${lanes[lane]!.flags.toString(2)}`)
      if (!isHonest(role) && sum > 0n) mispaid.push(`epoch ${epoch}: ${role.name} cheated and was paid ${sum}`)
    }
    takeFromLeft(new Set(members.map(({ device }) => device)))
  }

  return {
    async audit(lastEpoch) {
      while (next <= lastEpoch) await auditEpoch(next++)
    },
    async result() {
      const repeated = await repeatedTransactions(network, roles)
      const found = { lost, absent, doubled: [...doubled, ...repeated], honestFailed, mispaid, unjudged }
      return { ...found, underpaid, overpaid, verdicts, expected }
    },
  }
}

/** Epochs in which somebody is owed something: where nobody ever is, nothing that is paid is wrong either. */
export const paidEpochs = ({ expected }: Pick<Audit, 'expected'>): number[] =>
  [...expected].flatMap(([epoch, owed]) => ([...owed.values()].some(amount => amount > 0n) ? [epoch] : []))

/** The same call of the same operator, mined twice with success. A keeper is paid as often as it made new calls. */
const payKeeper = toFunctionSelector('payKeeper(uint64,address)')

async function repeatedTransactions(network: ConnectedNetwork, roles: readonly Role[]): Promise<string[]> {
  const { client } = network.chain
  const seen = new Map<string, Hex[]>()
  const last = await client.getBlockNumber()
  for (let blockNumber = 0n; blockNumber <= last; blockNumber++) {
    const { transactions } = await client.getBlock({ blockNumber, includeTransactions: true })
    for (const { from, to, input, hash } of transactions) {
      const role = roles.find(({ operator }) => operator === from.toLowerCase())
      if (role === undefined || input === '0x' || input.startsWith(payKeeper)) continue
      const key = `${role.name} ${to} ${input}`
      seen.set(key, [...(seen.get(key) ?? []), hash])
    }
  }
  const repeated: string[] = []
  for (const [key, hashes] of seen) {
    if (hashes.length < 2) continue
    const receipts = await Promise.all(hashes.map(hash => client.getTransactionReceipt({ hash })))
    const succeeded = receipts.filter(({ status }) => status === 'success').length
    if (succeeded > 1) repeated.push(`${key.slice(0, 70)}: ${succeeded} times`)
  }
  return repeated
}
