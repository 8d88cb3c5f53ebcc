import { checkerSeatsAbi } from './abi/checker-seats.ts'
import { deviceRegistryAbi } from './abi/device-registry.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { kaisarTokenAbi } from './abi/kaisar-token.ts'
import { rewardVaultAbi } from './abi/reward-vault.ts'

/** Every custom error of the contracts. The contracts call each other, so a call to one may revert with an error of another. */
export const kaisarErrorsAbi = [kaisarTokenAbi, deviceRegistryAbi, checkerSeatsAbi, epochConsensusAbi, rewardVaultAbi]
  .flat()
  .filter(item => item.type === 'error')
