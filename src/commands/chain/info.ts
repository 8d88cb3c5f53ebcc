import { BaseCommand, chainFlags, examples } from '../base.ts'

export default class ChainInfo extends BaseCommand<typeof ChainInfo> {
  static override description = 'Show the network: endpoints with their health, contracts, head, epoch, vault.'
  static override examples = examples('', '--json')
  static override flags = { ...chainFlags }

  async run() {
    const { countsOf } = await import('../../core/chain/devices.ts')
    const { getTimeline, settledThrough } = await import('../../core/chain/epochs.ts')
    const { getVaultBooks } = await import('../../core/chain/kai.ts')
    const { epochAt } = await import('../../core/protocol/trigger.ts')
    const { counted, tokens } = await import('../../core/view/figures.ts')
    const network = await this.openNetwork()
    const { chain, contracts, chainId } = network
    const [head, timeline, vault] = await Promise.all([
      chain.client.getBlock(),
      getTimeline(network),
      getVaultBooks(network),
    ])
    const epoch = timeline === null ? null : epochAt(timeline, Number(head.timestamp))
    const current = epoch === null || epoch < 0 ? null : epoch
    const counts = await countsOf(network, current ?? 0)
    const settled = timeline === null ? null : await settledThrough(network)
    const endpoints = chain
      .status()
      .map(({ name, state, reason }) => ({ name, state, reason: reason?.message ?? null }))

    for (const { name, state, reason } of endpoints)
      this.log(`${name}  ${state}${reason === null ? '' : `: ${reason}`}`)
    this.log(`Chain ${chainId}, block ${head.number} of ${new Date(Number(head.timestamp) * 1000).toISOString()}`)
    for (const [name, address] of Object.entries(contracts)) this.log(`  ${name.padEnd(16)} ${address}`)
    if (timeline === null) this.log('Epochs have not begun ("kaisar chain start").')
    else
      this.log(
        `Epoch ${current ?? '– (before the first)'}, ${counted(counts.members, 'device')} in ${counted(counts.cohorts, 'cohort')}`,
      )
    this.log(
      `Vault ${tokens(vault.balance)} KAI, of which ${tokens(vault.liability)} set aside; paid so far ${tokens(vault.paid)}`,
    )
    return {
      chainId,
      contracts,
      endpoints,
      head: { number: head.number, hash: head.hash, timestamp: Number(head.timestamp) },
      epoch: current,
      firstEpochAt: timeline?.firstEpochAt ?? null,
      settledThrough: settled,
      ...counts,
      vault,
    }
  }
}
