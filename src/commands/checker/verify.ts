import { Args, Flags } from '@oclif/core'
import { BaseCommand, examples } from '../base.ts'
import { printLines } from '../print-table.ts'

export default class CheckerVerify extends BaseCommand<typeof CheckerVerify> {
  static override description =
    `Verify an evidence bundle offline: every signature, every binding, every sampled row recomputed on this machine.

It also says what a bundle cannot prove by itself. Exit code 4, with the step and the reason, where it does not verify.`
  static override examples = examples(
    '98df72ba.bundle',
    '0x98df72ba6a2aaa8fd98c5b7b119332cebb590887f0c3d3413f2f6cff8fccb38b --from wss://checker.example:7411 --json',
  )
  static override args = {
    bundle: Args.string({
      description: 'File of a bundle, or its hash (0x and 64 digits) with --from',
      required: true,
    }),
  }
  static override flags = {
    from: Flags.string({
      description:
        'Endpoint of the Checker that serves the bundle; it is not trusted, its bytes are compared with the hash',
      helpValue: '<url>',
    }),
    witness: Flags.string({
      description: 'What the seat’s evidence leaf of the round said on chain, in an audit: it must be the bundle’s',
      helpValue: '<bytes32>',
      parse: async input => {
        const { usageErrors } = await import('../usage-errors.ts')
        if (!/^0x[0-9a-fA-F]{64}$/.test(input))
          throw usageErrors.USAGE_INVALID({ reason: `"${input}" is not 32 bytes.` })
        return input.toLowerCase()
      },
    }),
    save: Flags.string({
      description: 'Keep the bundle in this file, whatever it says; a file that is there stays',
      helpValue: '<file>',
    }),
    'execution-provider': Flags.option({ options: ['auto', 'cuda', 'webgpu', 'cpu'] as const })({
      description: 'What recomputes the rows; every one gives the same bytes',
      default: 'cpu',
    }),
    threads: Flags.integer({
      description: 'Threads of one operator on the CPU; 0 takes every core, more than a few rows are worth',
      default: 1,
      min: 0,
      max: 1024,
    }),
  }

  async run() {
    const { from, save, threads, witness, 'execution-provider': provider } = this.flags
    const { bundleLines, loadBundle, saveBundle, verifyLoadedBundle } = await import(
      '../../core/operator/loaded-bundle.ts'
    )
    const { createWorkEngine } = await import('../../core/job/work-engine.ts')
    const loaded = await loadBundle({ source: this.args.bundle, from })
    if (save !== undefined) await saveBundle(loaded, save)
    const result = await verifyLoadedBundle(loaded, {
      shownWitness: (witness as `0x${string}` | undefined) ?? null,
      startEngine: jobs => {
        this.progress('Building the model and recomputing the sampled rows …')
        return createWorkEngine({ jobs, provider, threads, witnesses: true })
      },
    })
    await printLines(this, bundleLines(result))
    if (result.failedStep !== null) {
      const { operatorErrors } = await import('../../core/operator/errors.ts')
      this.fail(operatorErrors.BUNDLE_REFUTED({ step: result.failedStep, detail: result.detail ?? '' }), result)
    }
    return result
  }
}
