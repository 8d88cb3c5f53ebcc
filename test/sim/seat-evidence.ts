/** What a Checker's own records give for an epoch, recomputed from verdicts and device checks; nothing it says is taken over. */
import { join } from 'node:path'
import type { Hex } from 'viem'
import { firstBlockSince } from '../../src/core/chain/blocks.ts'
import { getEpochRounds } from '../../src/core/chain/epochs.ts'
import type { ConnectedNetwork } from '../../src/core/chain/network.ts'
import { type Duty, readDuty } from '../../src/core/checker/duty.ts'
import { packCohort } from '../../src/core/checker/epoch/pack.ts'
import { createCheckerJournal, type RecordedVerdict } from '../../src/core/checker/journal.ts'
import { deriveSeatSecrets } from '../../src/core/checker/seat-secrets.ts'
import type { Role } from '../../src/core/devnet/roles.ts'
import { buildCommitmentTree, commitmentDepth, type OpeningWords } from '../../src/core/epoch/opening.ts'
import { jobsByHash } from '../../src/core/job/jobs.ts'
import { readStore, type Store, type StoreReader } from '../../src/core/platform/store.ts'
import { type BlockHead, type EpochRounds, type Trigger, triggersOf } from '../../src/core/protocol/trigger.ts'

const roleStore = (dataDir: string, { name, kind }: Role, network: ConnectedNetwork): StoreReader => {
  const file = `state-${network.chainId}-${network.consensus.slice(2, 12)}.db`
  const store = readStore(join(dataDir, name, kind, file))
  if (store === null) throw new Error(`${name} has no store`)
  return store
}

/** The epoch's blocks on chain now: its rounds follow from them, whatever a seat saw. */
async function blocksOf({ chain }: ConnectedNetwork, { startsAt, epochSeconds }: EpochRounds): Promise<BlockHead[]> {
  const blocks: BlockHead[] = []
  for (let number = await firstBlockSince(chain, startsAt); ; number++) {
    const block = await chain.client.getBlock({ blockNumber: number })
    const timestamp = Number(block.timestamp)
    if (timestamp >= startsAt + epochSeconds) return blocks
    blocks.push({ number, hash: block.hash, timestamp })
  }
}

export type SeatEvidence = {
  readonly role: Role
  readonly duty: Duty
  readonly words: ReadonlyMap<number, OpeningWords>
  /** Root of the commitment that these words give. */
  readonly root: Hex
  /** Whether the seat recorded that it committed. */
  readonly recorded: boolean
  readonly verdicts: readonly RecordedVerdict[]
  /** Devices that signed two commitments for one round. */
  readonly contradictions: readonly Hex[]
}

/** What an epoch is for every seat alike. */
export type ChainEvidence = {
  readonly epoch: number
  readonly rounds: EpochRounds
  readonly triggers: readonly Trigger[]
}

export async function chainEvidence(network: ConnectedNetwork, epoch: number): Promise<ChainEvidence> {
  const rounds = await getEpochRounds(network, epoch)
  if (rounds === null) throw new Error(`epoch ${epoch} has no seed`)
  return { epoch, rounds, triggers: triggersOf(rounds, await blocksOf(network, rounds)) }
}

export async function seatEvidence(
  network: ConnectedNetwork,
  dataDir: string,
  role: Role,
  { epoch, rounds, triggers }: ChainEvidence,
): Promise<SeatEvidence> {
  const duty = await readDuty(network, role.operator, epoch, rounds)
  const store = roleStore(dataDir, role, network)
  try {
    const journal = createCheckerJournal(store as Store)
    const words = new Map(
      [...duty.committees.keys()].map(cohort => {
        const devices = duty.devices.filter(device => device.cohort === cohort)
        const { maxRounds, specHash } = rounds.rules
        const { beatShare } = jobsByHash(specHash).jobs
        return [cohort, packCohort(journal, { epoch, devices, rounds: triggers, maxRounds, beatShare }).words]
      }),
    )
    const salt = deriveSeatSecrets(role.operatorKey, network, role.operator).salt(epoch)
    const scope = { chainId: network.chainId, consensus: network.consensus, epoch, owner: role.operator, salt }
    return {
      role,
      duty,
      words,
      root: buildCommitmentTree(scope, words, commitmentDepth(duty.cohortCount)).root,
      recorded: journal.seatCommitment(epoch) !== null,
      verdicts: journal.verdicts(epoch),
      contradictions: journal.contradictions().map(({ first }) => first.message.deviceId),
    }
  } finally {
    store.close()
  }
}
