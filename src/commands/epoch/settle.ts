import { join } from 'node:path'
import { accountOf } from '../../core/daemon/operator-key.ts'
import { isKaisarError } from '../../core/platform/errors.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { keyFlags } from '../key-flags.ts'

export default class EpochSettle extends BaseCommand<typeof EpochSettle> {
  static override description = `Do by hand what keepers do: seeds, finalizing of what was revealed, voiding, payments.

Anybody may; whoever calls first earns the bounty. What needs the seats' unrevealed openings is left to the Checkers.`
  static override examples = examples('', '--key keeper --json')
  static override flags = { ...chainFlags, ...keyFlags }

  async run() {
    const { createTransactionSender } = await import('../../core/chain/tx/transaction-sender.ts')
    const { transactionTables } = await import('../../core/chain/tx/transaction-store.ts')
    const { createKeeper } = await import('../../core/epoch/settlement.ts')
    const { openStore } = await import('../../core/platform/store.ts')
    const network = await this.openNetwork()
    const folder = join(this.dataDir, 'keeper')
    return this.alone(folder, async () => {
      const account = await accountOf(await this.operatorKey())
      const store = openStore({ path: join(folder, 'state.db'), migrations: [transactionTables] })
      const broke = Promise.withResolvers<never>()
      broke.promise.catch(() => {})
      const sender = createTransactionSender(
        { pollMs: 250 },
        {
          chain: network.chain,
          account,
          store,
          // Nothing would come of waiting: a command ends, and is given again.
          onTrouble: error => {
            if (error.code === 'FUNDS_INSUFFICIENT') broke.reject(error)
            else this.warn(error.message)
          },
        },
      )
      const keeper = createKeeper(
        { takeTurns: false },
        { network, sender, onTrouble: (_, error) => this.warn(String(error)) },
      )
      const steps = []
      try {
        const done = new Set<string>()
        // One step opens the next: paying follows finalizing.
        for (;;) {
          const passed = [...(await keeper.seed()), ...(await keeper.pass(async () => null))]
          const taken = passed.filter(({ key }) => !done.has(key))
          if (taken.length === 0) break
          for (const { key, do: step, epoch, ...rest } of taken) {
            done.add(key)
            const cohort = 'cohort' in rest ? rest.cohort : null
            const settled = sender.outcome(key).catch((error: unknown) => error)
            const outcome = await Promise.race([settled, broke.promise])
            const refused = isKaisarError(outcome) ? outcome.message : null
            const txHash = outcome instanceof Error ? null : (outcome as { hash: string }).hash
            steps.push({ step, epoch, cohort, txHash, refused })
            this.log(`${step} epoch ${epoch}${cohort === null ? '' : ` cohort ${cohort}`}: ${refused ?? txHash}`)
          }
        }
      } finally {
        await sender.stop()
        store.close()
      }
      if (steps.length === 0) this.log('Nothing to settle now.')
      return { steps }
    })
  }
}
