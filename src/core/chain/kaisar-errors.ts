import { checkerSeatsAbi } from './abi/checker-seats.ts'
import { deviceRegistryAbi } from './abi/device-registry.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { kaisarTokenAbi } from './abi/kaisar-token.ts'
import { rewardVaultAbi } from './abi/reward-vault.ts'

/** Every custom error of the contracts: one of them may be answered by a call to another, since they call each other. */
export const kaisarErrorsAbi = [kaisarTokenAbi, deviceRegistryAbi, checkerSeatsAbi, epochConsensusAbi, rewardVaultAbi]
  .flat()
  .filter(item => item.type === 'error')
