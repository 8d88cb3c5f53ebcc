/** `kaisar/abi`: the ABIs of the contracts that anybody calls, as constants, so that viem, wagmi and abitype check arguments and results. */
import { checkerSeatsAbi } from './abi/checker-seats.ts'
import { deviceRegistryAbi } from './abi/device-registry.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { kaisarLensAbi } from './abi/kaisar-lens.ts'
import { kaisarTokenAbi } from './abi/kaisar-token.ts'
import { rewardVaultAbi } from './abi/reward-vault.ts'

export { checkerSeatsAbi, deviceRegistryAbi, epochConsensusAbi, kaisarLensAbi, kaisarTokenAbi, rewardVaultAbi }

/** By the names that deployment files and contexts have them under. */
export const abis = {
  KaisarToken: kaisarTokenAbi,
  CheckerSeats: checkerSeatsAbi,
  DeviceRegistry: deviceRegistryAbi,
  EpochConsensus: epochConsensusAbi,
  RewardVault: rewardVaultAbi,
  KaisarLens: kaisarLensAbi,
} as const
