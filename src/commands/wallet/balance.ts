import type { Chain } from '../../core/chain/client.ts'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { BaseCommand, type ChainTarget, chainFlags, examples } from '../base.ts'
import { addressArg } from '../input-values.ts'
import { keyFlags } from '../key-flags.ts'

export default class WalletBalance extends BaseCommand<typeof WalletBalance> {
  static override description = 'Show what an address holds: KAI, and the chain’s own coin, which pays for gas.'
  static override examples = examples('', '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json')
  static override args = { address: addressArg({ description: 'Default: that of the key named by --key' }) }
  static override flags = { ...chainFlags, ...keyFlags }

  async run() {
    const target = await this.chainTarget()
    const address = this.args.address ?? (await this.keyAddress())
    const { chain, kai } = await this.open(target, address)
    const gas = await chain.client.getBalance({ address })
    this.log(address)
    if (kai !== null) this.log(`  ${exactUnits(kai)} KAI`)
    this.log(`  ${exactUnits(gas)} of the coin of chain ${chain.chainId}`)
    return { address, chainId: chain.chainId, kai, gas }
  }

  /** Before a network is deployed there is no KAI, and gas is what counts. */
  private async open(target: ChainTarget, address: `0x${string}`): Promise<{ chain: Chain; kai: bigint | null }> {
    if (Object.keys(target.contracts).length === 0) {
      const { connectChain } = await import('../../core/chain/client.ts')
      const chain = await connectChain({ rpcUrls: target.rpcUrls })
      this.chains.push(chain)
      return { chain, kai: null }
    }
    const { kaiBalance } = await import('../../core/chain/kai.ts')
    const network = await this.connectNetwork(target)
    return { chain: network.chain, kai: await kaiBalance(network, address) }
  }
}
