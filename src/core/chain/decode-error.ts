import { type Abi, type Address, BaseError, ContractFunctionRevertedError, decodeErrorResult, type Hex } from 'viem'
import { isKaisarError, type KaisarError } from '../platform/errors.ts'
import { abis } from './abis.ts'
import type { Chain } from './client.ts'
import { describeContractError } from './contract-errors.ts'
import { chainErrors } from './errors.ts'
import { coinFor, comfortableGas } from './funds.ts'

/** Every custom error of the contracts. The contracts call each other, so a call to one may revert with an error of another. */
export const kaisarErrorsAbi = Object.values(abis)
  .flat()
  .filter(item => item.type === 'error')

/**
 * Makes a toolkit error of anything that a call threw. An error of an endpoint stays as it is, a contract's custom error is named,
 * anything else becomes RPC_FAILED.
 *
 * @param moreErrors - errors that are decoded beside those of our contracts
 */
export function decodeChainError(error: unknown, functionName: string, moreErrors: Abi = []): KaisarError {
  const reverted = (errorName: string, reason: string) =>
    chainErrors.CONTRACT_REVERTED({ functionName, reason: shortened(reason), errorName, cause: error })
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isKaisarError(cause)) return cause
    if (cause instanceof ContractFunctionRevertedError && cause.data !== undefined)
      return reverted(cause.data.errorName, describeContractError(cause.data.errorName, cause.data.args))
  }
  const data = revertData(error)
  if (data !== null) {
    const { errorName, reason } = decodeRevert(data, [...moreErrors, ...kaisarErrorsAbi])
    return reverted(errorName, reason)
  }
  const reason = shortened(nodeReason(error) ?? String(error))
  return chainErrors.RPC_FAILED({ action: functionName, reason, cause: error })
}

/** What an endpoint or a contract says may be as long as it likes. */
const shortened = (reason: string): string => (reason.length > 1_000 ? `${reason.slice(0, 1_000)}…` : reason)

/** As {@link decodeChainError}; nodes word an empty account in many ways, so the balance itself is looked at too: FUNDS_INSUFFICIENT. */
export async function explainRefusal(
  { client }: Pick<Chain, 'client'>,
  account: Address,
  cause: unknown,
  action: string,
): Promise<KaisarError> {
  const error = decodeChainError(cause, action)
  if (error.code !== 'RPC_FAILED') return error
  try {
    const { balance: balanceWei, needed: comfortable } = await coinFor({ client }, account)
    const isEnoughForOne = balanceWei >= (comfortable * 21_000n) / comfortableGas
    if (isEnoughForOne && !saysShort.test(error.message)) return error
    // What one call moves besides its gas is not known here: then that much comes on top.
    const neededWei = balanceWei < comfortable ? comfortable : balanceWei + comfortable
    return chainErrors.FUNDS_INSUFFICIENT({ account, balanceWei, neededWei, cause })
  } catch {
    return error
  }
}

/** How nodes say that an account cannot pay: geth, reth and anvil; Erigon and Besu; Nethermind; Arbitrum. */
const saysShort = /insufficient (funds|balance)|exceeds (account )?balance|upfront cost|not enough (funds|balance)/i

/** The client's sentence, followed by the node's own words where they say more; null where there is neither. */
function nodeReason(error: unknown): string | null {
  if (!(error instanceof BaseError)) return null
  const { shortMessage, details } = error
  return details && !shortMessage.includes(details) ? `${shortMessage} The node says: ${details}` : shortMessage
}

function decodeRevert(data: Hex, abi: Abi): { errorName: string; reason: string } {
  if (data === '0x') return { errorName: '', reason: 'it gave no reason' }
  try {
    const { errorName, args } = decodeErrorResult({ abi, data })
    if (errorName === 'RegistrationRefused') {
      const [index, inner] = args as readonly [bigint, Hex]
      const { errorName: innerName, reason } = decodeRevert(inner, abi)
      return { errorName: innerName, reason: `registration ${index}, counted from 0: ${reason}` }
    }
    return { errorName, reason: describeContractError(errorName, args as readonly unknown[]) }
  } catch {
    return { errorName: '', reason: `unknown error ${data.slice(0, 10)}` }
  }
}

/** The bytes with which a call reverted, searched in the whole chain of causes; null when the call did not revert. */
export function revertData(error: unknown): Hex | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const data = (cause as { data?: unknown }).data
    const hex = typeof data === 'object' && data !== null ? (data as { data?: unknown }).data : data
    if (typeof hex === 'string' && /^0x([0-9a-f]{2})*$/i.test(hex)) return hex as Hex
  }
  return null
}
