import { type Abi, concatHex, encodeFunctionData, type Hex, keccak256, numberToHex, toHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { deviceRegistryAbi } from '../../../src/core/chain/abi/device-registry.ts'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { committeeOf, getChecker } from '../../../src/core/chain/checkers.ts'
import { getDevices, identityOwner } from '../../../src/core/chain/devices.ts'
import { getCohort, getEpoch } from '../../../src/core/chain/epochs.ts'
import { getVaultBooks, kaiBalance } from '../../../src/core/chain/kai.ts'
import { type NetworkParameters, presetParameters } from '../../../src/core/chain/network-presets.ts'
import { callOf } from '../../../src/core/chain/read.ts'
import { simulateCall } from '../../../src/core/chain/tx/transact.ts'
import { buildCommitmentTree, packOpening } from '../../../src/core/epoch/opening.ts'
import { createKeeper, type Gather, type KeeperOptions } from '../../../src/core/epoch/settlement.ts'
import type { OpeningOnChain } from '../../../src/core/epoch/settlement-plan.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { mineAt, networkForTests, testAccount, testAddress } from '../../helpers/deploy.ts'
import { senderForTests } from '../../helpers/sender.ts'

async function started(parameters: Partial<NetworkParameters> = {}) {
  const anvil = await anvilForTests({ autoImpersonate: true })
  const net = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 3, parameters })
  return { anvil, net }
}
/** The devnet's rules, for every scene that has no others. */
const shared = await started()
let untouched = await shared.anvil.client.snapshot()

async function sharedAgain() {
  await shared.anvil.client.revert({ id: untouched })
  untouched = await shared.anvil.client.snapshot()
  return shared
}

/** Three devices judged by five seats, epoch by epoch, with as many keepers as wanted. */
async function scene(changes?: Partial<NetworkParameters>) {
  const { anvil, net } = changes === undefined ? await sharedAgain() : await started(changes)
  const { network, checkers, parameters, write, firstEpochAt } = net
  const { epochSeconds, commitSeconds, openSeconds, revealSeconds, finalizeSeconds } = parameters.timeline
  // `start` pinned the block after its own.
  await anvil.client.mine({ blocks: 2 })
  const startOf = (epoch: number) => firstEpochAt + epoch * epochSeconds
  const at = {
    work: (epoch: number) => mineAt(anvil, startOf(epoch)),
    commit: (epoch: number) => mineAt(anvil, startOf(epoch + 1)),
    open: (epoch: number) => mineAt(anvil, startOf(epoch + 1) + commitSeconds),
    reveal: (epoch: number) => mineAt(anvil, startOf(epoch + 1) + commitSeconds + openSeconds),
    finalize: (epoch: number) => mineAt(anvil, startOf(epoch + 1) + commitSeconds + openSeconds + revealSeconds),
    pay: (epoch: number) =>
      mineAt(anvil, startOf(epoch + 1) + commitSeconds + openSeconds + revealSeconds + finalizeSeconds),
  }
  const lanes = Array.from({ length: 3 }, (_, i) => ({ rate: 1000 + i, uptime: 10_000, flags: 15 }))
  const words = packOpening({ lanes, evidenceRoot: keccak256('0x01') })

  /** These owners commit to the same honest opening; resolves with what each can open. */
  async function commit(epoch: number, owners = checkers): Promise<OpeningOnChain[]> {
    const committee = (await committeeOf(network, epoch, 0))!
    const openings: OpeningOnChain[] = []
    for (const owner of owners) {
      const salt = keccak256(toHex(`${epoch}/${owner}`))
      const tree = buildCommitmentTree({ ...network, epoch, owner, salt }, new Map([[0, words]]), 0)
      const call = { to: network.consensus, abi: epochConsensusAbi as Abi, from: owner }
      await write({ ...call, functionName: 'commit', args: [BigInt(epoch), tree.root] })
      openings.push({ seat: committee.indexOf(owner), salt, words, proof: tree.proof(0) })
    }
    return openings.sort((a, b) => a.seat - b.seat)
  }

  function keeper(i: number, options: KeeperOptions = { takeTurns: false }) {
    const { sender, troubles } = senderForTests(network.chain, testAccount('checker', i))
    const stepTroubles: unknown[] = []
    let reads = 0
    const client = new Proxy(network.chain.client, {
      get(target, name) {
        if (name === 'readContract') reads++
        return Reflect.get(target, name)
      },
    })
    const counted = { ...network, chain: { ...network.chain, client } }
    const keeper = createKeeper(options, {
      network: counted,
      sender,
      onTrouble: (_, error) => stepTroubles.push(error),
    })
    /** What this many passes read, a second of the chain's time apart, without a block in between. */
    const readsOf = async (what: 'seed' | 'pass', passes: number) => {
      const { number, timestamp } = await anvil.client.getBlock()
      const before = reads
      for (let i = 0; i < passes; i++) {
        const head = { number: number + BigInt(i), timestamp: Number(timestamp) + i }
        const taken = await (what === 'seed' ? keeper.seed(head) : keeper.pass(async () => null, head))
        expect(taken).toEqual([])
      }
      return reads - before
    }
    /** One pass, and the outcome of every step it took. */
    const pass = async (gather: Gather = async () => null) => {
      const steps = await keeper.pass(gather)
      await Promise.allSettled(steps.map(({ key }) => sender.outcome(key)))
      return steps.map(({ do: what }) => what)
    }
    /** What the seed of the current epoch needs now, taken. */
    const step = async () => {
      const steps = await keeper.seed()
      await Promise.allSettled(steps.map(({ key }) => sender.outcome(key)))
      return steps.map(({ do: what }) => what)
    }
    const seed = async () => {
      const pinned = await step()
      await anvil.client.mine({ blocks: 2 })
      return [...pinned, ...(await step())]
    }
    return { pass, look: keeper.pass, seed, step, sender, troubles, stepTroubles, readsOf }
  }
  const payoutBalances = () => Promise.all([0, 1, 2].map(i => kaiBalance(network, testAddress('payout', i))))
  return { ...net, anvil, at, commit, keeper, payoutBalances }
}

describe('keeper', () => {
  test('a keeper makes the seed, finalizes in OPEN with every opening, pays everybody once, and closes the epoch', async () => {
    const { network, at, commit, keeper, payoutBalances, parameters } = await scene()
    const { pass, seed, stepTroubles } = keeper(0)
    expect(await seed()).toEqual([])
    await at.work(0)
    expect(await seed()).toEqual(['pin', 'roll'])
    expect((await getEpoch(network, 0)).seed).not.toBeNull()
    expect(await seed()).toEqual([])

    await at.commit(0)
    const openings = await commit(0)
    await at.open(0)
    expect(await pass(async () => openings)).toEqual(['finalize'])
    expect(await getCohort(network, 0, 0)).toMatchObject({ state: 'final', opened: 31 })
    expect((await pass()).sort()).toEqual(['payCheckers', 'payCohort'])
    const { money, totals } = await getEpoch(network, 0)
    expect(totals.unpaid).toBe(0)
    const balances = await payoutBalances()
    expect(balances[0]! > 0n && balances[2]! > balances[0]!).toBe(true)
    expect(balances.reduce((sum, balance) => sum + balance, 0n) <= money.devicePool).toBe(true)
    expect(await pass()).toEqual([])

    await at.pay(0)
    expect(await pass()).toContain('payKeeper')
    expect(await payoutBalances()).toEqual(balances)
    await at.commit(2)
    await at.finalize(2)
    await at.commit(3)
    expect(await pass()).toContain('closeEpoch')
    expect((await getEpoch(network, 0)).money.closed).toBe(true)
    const books = await getVaultBooks(network)
    expect(books.balance >= books.liability).toBe(true)
    expect(books.paid <= parameters.emission.perEpoch).toBe(true)
    expect(stepTroubles).toEqual([])
  })

  test('a keeper gathers the openings of a cohort once, and not at each block until it is final', async () => {
    const { anvil, network, at, commit, keeper } = await scene()
    const { look, seed, sender } = keeper(0)
    await at.work(0)
    await seed()
    await at.commit(0)
    const openings = await commit(0)
    await at.open(0)
    let gathered = 0
    const gather = async () => {
      gathered++
      return openings
    }
    await anvil.client.setAutomine(false)
    for (let again = 0; again < 3; again++)
      expect(await look(gather)).toMatchObject([{ do: 'finalize', key: 'finalize/0/0' }])
    expect(gathered).toBe(1)
    await anvil.client.setAutomine(true)
    await anvil.client.mine({ blocks: 1 })
    await sender.outcome('finalize/0/0')
    expect((await getCohort(network, 0, 0)).state).toBe('final')
  })

  test('a keeper finalizes with the openings that were revealed, whichever contract they came through, when a seat gave no opening', async () => {
    const { anvil, network, at, commit, keeper, write } = await scene()
    const { pass, seed } = keeper(0)
    await at.work(0)
    await seed()
    await at.commit(0)
    const openings = await commit(0)
    await at.open(0)
    expect(await pass()).toEqual([])
    await at.reveal(0)
    const reveal = { to: network.consensus, abi: epochConsensusAbi as Abi, functionName: 'reveal' }
    const [, ...four] = openings
    await write({ ...reveal, from: testAddress('checker', 1), args: [0n, 0, four.slice(0, 2)] })
    // The other two through a contract that calls with what follows the first byte: nobody finds them in a transaction's calldata.
    const relay = numberToHex(0x4e1a7, { size: 20 })
    const bytecode = concatHex(['0x600136038060015f375f5f825f5f73', network.consensus, '0x5af1602b575f5ffd5b00'])
    await anvil.client.setCode({ address: relay, bytecode })
    const call = encodeFunctionData({ abi: epochConsensusAbi, functionName: 'reveal', args: [0n, 0, four.slice(2)] })
    const data = concatHex(['0xff', call])
    const hash = await anvil.client.sendTransaction({
      account: testAddress('checker', 2),
      to: relay,
      chain: null,
      data,
    })
    const { status } = await anvil.client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
    expect(status).toBe('success')
    await at.finalize(0)
    expect(await pass()).toContain('finalize-revealed')
    expect(await getCohort(network, 0, 0)).toMatchObject({ state: 'final', opened: 0b11110 })
    expect(await pass()).toContain('payCohort')
  })

  test('a keeper finalizes revealed openings also after FINALIZE, and jails the seat that stayed silent', async () => {
    const seatRules = { slashBps: 1_000, unopenedBps: 100, strikesToJail: 1, jailEpochs: 4 }
    const { network, at, commit, keeper, write } = await scene({ seatRules })
    const { pass, seed, stepTroubles } = keeper(0)
    await at.work(0)
    await seed()
    await at.commit(0)
    const [, ...four] = await commit(0)
    await at.reveal(0)
    const reveal = { to: network.consensus, abi: epochConsensusAbi as Abi, functionName: 'reveal' }
    await write({ ...reveal, from: testAddress('checker', 1), args: [0n, 0, four] })
    await at.pay(0)
    expect((await getEpoch(network, 0)).totalFixed).toBe(false)
    expect(await pass()).toContain('finalize-revealed')
    expect(await getCohort(network, 0, 0)).toMatchObject({ state: 'final', opened: 0b11110 })
    const silent = (await committeeOf(network, 0, 0))![0]!
    expect(await getChecker(network, silent)).toMatchObject({ jailed: false, strikes: 1 })
    expect(await pass()).toEqual(expect.arrayContaining(['payCohort', 'jail']))
    expect(await getChecker(network, silent)).toMatchObject({ jailed: true, seats: 0 })
    expect(stepTroubles).toEqual([])
  })

  test('where epochs last a day a keeper looks at those in which nothing is open once a minute, and at a seed while it is young', async () => {
    const { timeline, rounds } = presetParameters('peaq', { devnet: keccak256('0x02'), standard: keccak256('0x02') })
    const { at, commit, keeper, payoutBalances } = await scene({ timeline: { ...timeline, firstPaidEpoch: 0 }, rounds })
    const { pass, seed } = keeper(0)
    const idle = keeper(1, {})
    await at.work(0)
    expect(await seed()).toEqual(['pin', 'roll'])
    // One for the timetable, and one for each of 64 blocks.
    expect(await idle.readsOf('seed', 200)).toBe(65)

    await at.commit(0)
    const openings = await commit(0)
    await at.open(0)
    expect(await pass(async () => openings)).toEqual(['finalize'])
    await pass()
    await at.pay(0)
    await pass()
    expect((await payoutBalances())[0]! > 0n).toBe(true)
    // What has to be read once, and for each of sixty minutes how the epoch stands and what this keeper earned.
    expect(await idle.readsOf('pass', 3_600)).toBeLessThan(20 + 60 * 2)
  })

  test('a keeper voids a cohort whose quorum can no longer be reached', async () => {
    const { network, at, commit, keeper, checkers } = await scene()
    const { pass, seed } = keeper(0)
    await at.work(0)
    await seed()
    await at.commit(0)
    await commit(0, checkers.slice(0, 2))
    await at.open(0)
    expect(await pass()).toEqual(['void'])
    expect((await getCohort(network, 0, 0)).state).toBe('void')
    expect(await pass()).toEqual([])
  })

  test('keepers take turns: a late one finds the step done, and a missing one is replaced', async () => {
    const { network, at, commit, keeper, anvil } = await scene()
    const keepers = [0, 1, 2, 3, 4].map(i => keeper(i, {}))
    await at.work(0)
    await keeper(0).seed()
    await at.commit(0)
    const openings = await commit(0)
    await at.open(0)
    const first = await Promise.all(keepers.map(({ pass }) => pass(async () => openings)))
    expect(first.flat()).toEqual(['finalize'])
    expect((await getCohort(network, 0, 0)).state).toBe('final')
    // Nobody pays in the first keeper's place at once; a moment later somebody does.
    const absent = first.findIndex(steps => steps.length > 0)
    const others = keepers.filter((_, i) => i !== absent)
    expect((await Promise.all(others.map(({ pass }) => pass()))).flat()).toEqual([])
    const { timestamp } = await anvil.client.getBlock()
    await mineAt(anvil, Number(timestamp) + 2)
    const later = (await Promise.all(others.map(({ pass }) => pass()))).flat()
    expect(later).toContain('payCohort')
    expect((await getEpoch(network, 0)).totals.unpaid).toBe(0)
  })

  test('the first keeper in turn makes the seed, and another one a moment later where it does not', async () => {
    const { network, at, keeper, anvil } = await scene()
    const keepers = [0, 1, 2, 3, 4].map(i => keeper(i, {}))
    await at.work(0)
    const first = await Promise.all(keepers.map(({ step }) => step()))
    expect(first.flat()).toEqual(['pin'])
    await anvil.client.mine({ blocks: 2 })
    const absent = first.findIndex(steps => steps.length > 0)
    const others = keepers.filter((_, i) => i !== absent)
    expect((await Promise.all(others.map(({ step }) => step()))).flat()).toEqual([])
    const { timestamp } = await anvil.client.getBlock()
    await mineAt(anvil, Number(timestamp) + 1)
    expect((await Promise.all(others.map(({ step }) => step()))).flat()).toContain('roll')
    expect((await getEpoch(network, 0)).seed).not.toBeNull()
  })

  test('a pinned block whose hash the chain has forgotten is pinned again at once, on chains that keep 256', async () => {
    const { network, at, keeper, anvil } = await scene()
    await anvil.client.setCode({ address: '0x0000F90827F1C53a10cb7A02335B175320002935', bytecode: '0x' })
    const { step } = keeper(0)
    await at.work(0)
    expect(await step()).toEqual(['pin'])
    await anvil.client.mine({ blocks: 258, interval: 0 })
    expect(await step()).toEqual(['pin'])
    await anvil.client.mine({ blocks: 2, interval: 0 })
    expect(await step()).toEqual(['roll'])
    expect((await getEpoch(network, 0)).seed).not.toBeNull()
  })

  test('an opening that its seat did not commit to is refused, and the cohort goes to REVEAL', async () => {
    const { at, commit, keeper, network } = await scene()
    const { pass, seed, sender } = keeper(0)
    await at.work(0)
    await seed()
    await at.commit(0)
    const openings = await commit(0)
    await at.open(0)
    const forged = openings.map(opening => ({ ...opening, salt: zeroBytes32 }))
    expect(await pass(async () => forged)).toEqual(['finalize'])
    await expect(sender.outcome('finalize/0/0')).rejects.toMatchObject({
      code: 'CONTRACT_REVERTED',
      context: { errorName: 'ProofInvalid' },
    })
    expect((await getCohort(network, 0, 0)).state).toBe('pending')
    expect(await pass(async () => openings)).toEqual(['finalize'])
    expect((await getCohort(network, 0, 0)).state).toBe('final')
  })

  test('a keeper strikes a seat that did not answer its audit, once, and only when the time for answers is over', async () => {
    const scores = { firstStanding: 1_000_000, auditBps: 10_000, delistAfterEpochs: 8, uptimeTolerance: 500 }
    const { at, commit, keeper, network, anvil, checkers, firstEpochAt, parameters } = await scene({ scores })
    const { pass, seed } = keeper(0)
    await at.work(0)
    await seed()
    await at.commit(0)
    const openings = await commit(0)
    await at.open(0)
    expect(await pass(async () => openings)).toEqual(['finalize'])
    await pass()
    await at.work(2)
    expect(await seed()).toEqual(['pin', 'roll'])
    const { auditClosesAt: closesAt } = await getEpoch(network, 0)
    expect(closesAt - parameters.timeline.auditSeconds).toBeGreaterThanOrEqual(
      firstEpochAt + 2 * parameters.timeline.epochSeconds,
    )
    await mineAt(anvil, closesAt - 1)
    expect(await pass()).not.toContain('strike')
    await mineAt(anvil, closesAt)
    expect((await pass()).filter(step => step === 'strike')).toHaveLength(5)
    const strikes = await Promise.all(checkers.map(async owner => (await getChecker(network, owner))!.strikes))
    expect(strikes).toEqual([1, 1, 1, 1, 1])
    await pass()
    expect((await getChecker(network, checkers[0]!))!.strikes).toBe(1)
  })

  test('a keeper claims an identity once, and not again where its operator gave it up and took it back: only the first claim is paid', async () => {
    const { at, commit, keeper, network, write, operator } = await scene()
    const local = numberToHex(1, { size: 32 })
    const register = (attestedIdentity: Hex) =>
      write({
        ...{ from: operator, to: network.contracts.DeviceRegistry, abi: deviceRegistryAbi as Abi },
        functionName: 'register',
        args: [local, testAddress('payout', 0), local, local, attestedIdentity],
      })
    const [identity, none] = [keccak256('0x1d'), numberToHex(0, { size: 32 })]
    await register(identity)
    const device = (await getDevices(network))[0]!
    const { pass, seed } = keeper(0)
    await at.work(0)
    await seed()
    await at.commit(0)
    const openings = await commit(0)
    await seed()
    await at.open(0)
    await pass(async () => openings)
    await at.pay(0)
    expect(await pass()).toContain('claimIdentity')
    expect(await identityOwner(network, identity)).toBe(device.id)

    await register(none)
    await register(identity)
    expect(await identityOwner(network, identity)).toBeNull()
    await at.pay(1)
    expect(await getEpoch(network, 1)).toMatchObject({ phase: 'pay', totalFixed: true })
    // The registry would take it: nothing but the missing pay keeps the keepers from it.
    const claim = callOf(network.contracts, 'DeviceRegistry', 'claimIdentity', device.id)
    await simulateCall(network.chain, undefined, claim)
    const steps = [...(await pass()), ...(await keeper(1).pass())]
    expect(steps).not.toContain('claimIdentity')
  })
})
