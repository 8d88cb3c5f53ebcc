/**
 * Seats that judge nothing: each commits to what a real Checker found, with a salt of its own, and gives keepers its openings. Four of them and
 * that Checker are a committee, whose epochs the real contracts settle, and only one Checker has to be computed.
 */
import { DatabaseSync } from 'node:sqlite'
import { encodeFunctionData, type Hex, keccak256, numberToHex, parseEther, stringToHex } from 'viem'
import { checkerSeatsAbi } from '../../../src/core/chain/abi/checker-seats.ts'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { countsOf } from '../../../src/core/chain/devices.ts'
import type { DevnetContracts } from '../../../src/core/devnet/launch-network.ts'
import {
  buildCommitmentTree,
  type CommitmentTree,
  commitmentDepth,
  type OpeningWords,
} from '../../../src/core/epoch/opening.ts'
import { createSigner, recoverSigner, type Signer } from '../../../src/core/report/signer.ts'
import { serveSessions } from '../../../src/core/transport/serve-sessions.ts'
import { identityOf, type Simulation } from './simulation.ts'
import type { VirtualChain } from './virtual-chain.ts'

const names = [1, 2, 3, 4].map(number => `light-seat-${number}`)
const keyOf = (name: string): Hex => keccak256(stringToHex(`operator of ${name}`))
const saltOf = (name: string, epoch: number): Hex => keccak256(stringToHex(`salt of ${name} in ${epoch}`))
const urlOf = (name: string) => `memory://${name}:1`

/** Bonds them; before the network is started, while each transaction is mined at once. */
export async function bondLightSeats({ network, deployer, parameters }: DevnetContracts, chain: VirtualChain) {
  const { KaisarToken: token, CheckerSeats: seats } = network.contracts
  const { seatBond } = parameters
  await chain.rpc('anvil_autoImpersonateAccount', [true])
  const send = (from: Hex, to: Hex, data: Hex) =>
    chain.rpc('eth_sendTransaction', [{ from, to, gas: numberToHex(1_000_000), data }])
  for (const name of names) {
    const { address } = createSigner({ privateKey: keyOf(name), network })
    const ofToken = { abi: kaisarTokenAbi } as const
    const bond = [
      keccak256(stringToHex(name)).slice(0, 42) as Hex,
      1,
      urlOf(name),
      identityOf({ name }).certificateHash,
    ]
    await chain.rpc('anvil_setBalance', [address, numberToHex(parseEther('100'))])
    await send(
      deployer.address,
      token,
      encodeFunctionData({ ...ofToken, functionName: 'transfer', args: [address, seatBond] }),
    )
    await send(address, token, encodeFunctionData({ ...ofToken, functionName: 'approve', args: [seats, seatBond] }))
    const args = bond as [Hex, number, string, Hex]
    await send(address, seats, encodeFunctionData({ abi: checkerSeatsAbi, functionName: 'bond', args }))
  }
  await chain.rpc('anvil_autoImpersonateAccount', [false])
}

type Opened = { readonly words: ReadonlyMap<number, OpeningWords>; readonly trees: ReadonlyMap<string, CommitmentTree> }

/** @param stateFile - the database of the Checker that they follow */
export async function startLightSeats(simulation: Simulation, stateFile: string): Promise<void> {
  const { network, chain } = simulation
  const epochs = new Map<number, Opened>()
  const signers = names.map(name => createSigner({ privateKey: keyOf(name), network }))
  const { host } = simulation.stranger('light-seats')

  for (const [i, name] of names.entries()) {
    const seat = simulation.stranger(name, { certificateHash: identityOf({ name }).certificateHash })
    let nonces = 0
    await serveSessions(
      { host: name, port: 1, network, checker: signers[i]!.address, maxConnections: () => 64 },
      {
        transport: seat.transport,
        clock: seat.host.clock,
        recover: (type, message, signature) => recoverSigner(network, type, { message, signature }),
        randomNonce: () => keccak256(stringToHex(`nonce ${++nonces} of ${name}`)),
        admit: async () => null,
        onSession: session =>
          session.on('opening.request', async ({ epoch, cohort }) => {
            const { words, trees } = epochs.get(Number(epoch))!
            await session.send('opening.reply', {
              ...{ epoch, cohort, salt: saltOf(name, Number(epoch)), proof: trees.get(name)!.proof(cohort) },
              words: words.get(cohort)!.map(word => numberToHex(word, { size: 32 })),
            })
          }),
      },
    )
    await chain.rpc('anvil_impersonateAccount', [signers[i]!.address])
  }

  async function follow() {
    for (let epoch = 0; ; ) {
      await host.clock.sleep(1_000)
      const words = openingsOf(stateFile, epoch)
      if (words.size === 0) continue
      await host.exclusive(() => commit(epoch, words))
      epoch++
    }
  }

  async function commit(epoch: number, words: ReadonlyMap<number, OpeningWords>) {
    const { cohorts } = await countsOf(network, epoch)
    const trees = new Map<string, CommitmentTree>()
    for (const [i, name] of names.entries()) {
      const { address: owner } = signers[i] as Signer
      const scope = {
        ...{ chainId: network.chainId, consensus: network.consensus },
        epoch,
        owner,
        salt: saltOf(name, epoch),
      }
      const tree = buildCommitmentTree(scope, words, commitmentDepth(cohorts))
      trees.set(name, tree)
      const args = [BigInt(epoch), tree.root] as const
      const data = encodeFunctionData({ abi: epochConsensusAbi, functionName: 'commit', args })
      await chain.rpc('eth_sendTransaction', [{ from: owner, to: network.consensus, gas: numberToHex(500_000), data }])
    }
    epochs.set(epoch, { words, trees })
    epochs.delete(epoch - 2)
  }
  void follow()
}

/** What a Checker has committed to in an epoch; nothing before. */
function openingsOf(stateFile: string, epoch: number): ReadonlyMap<number, OpeningWords> {
  const database = new DatabaseSync(stateFile, { readOnly: true })
  try {
    const rows = database.prepare('SELECT cohort, words FROM opening WHERE epoch = ?').all(epoch)
    return new Map(
      rows.map(({ cohort, words }) => [
        Number(cohort),
        `${words}`.split(' ').map(word => BigInt(`0x${word}`)) as unknown as OpeningWords,
      ]),
    )
  } finally {
    database.close()
  }
}
