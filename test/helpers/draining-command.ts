/** A command of ours as a process of its own: runs until it is stopped and never ends draining, or rejects where nobody awaits. */
import { once } from 'node:events'
import { Args } from '@oclif/core'
import { BaseCommand } from '../../src/commands/base.ts'

class Draining extends BaseCommand<typeof Draining> {
  static override args = { what: Args.string({ description: 'drains or rejects' }) }

  async run(): Promise<object> {
    setInterval(() => {}, 1000)
    const stop = this.stopSignal()
    process.stdout.write('ready\n')
    if (this.args.what === 'rejects') void Promise.reject(new Error('nobody awaits this'))
    await once(stop, 'abort')
    process.stdout.write('draining\n')
    return new Promise(() => {})
  }
}

await Draining.run(process.argv.slice(2), import.meta.url)
