/** What a devnet gives away: KAI of its treasury, and gas out of nothing. */
import { type Address, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { transferOf } from '../chain/transfer.ts'
import { transact } from '../chain/tx/transact.ts'
import type { Clock } from '../platform/clock.ts'
import { devnetKey } from './roles.ts'

export type FaucetOptions = {
  readonly to: Address
  /** Wei of KAI. */
  readonly kai: bigint
  /** Wei of the chain's own coin, which is added to what `to` holds. */
  readonly gas: bigint
}

/** @throws KAI_INSUFFICIENT, RECIPIENT_REFUSED, and RPC_FAILED on a chain that is no anvil */
export async function fundOnDevnet(
  network: ConnectedNetwork,
  { to, kai, gas }: FaucetOptions,
  { clock }: { readonly clock: Clock },
): Promise<void> {
  const account = privateKeyToAccount(devnetKey('deployer'))
  const { chain } = network
  const call = await transferOf(network, { from: account.address, to, amount: kai, unit: 'KAI' })
  await transact(call, {}, { chain, account, clock })
  const balance = await chain.client.getBalance({ address: to })
  await chain.all()[0]!.request({ method: 'anvil_setBalance', params: [to, toHex(balance + gas)] })
}
