import { Flags } from '@oclif/core'
import { BaseCommand, examples } from '../base.ts'

export default class UpdateCheck extends BaseCommand<typeof UpdateCheck> {
  static override description = `Ask the npm registry whether there is a newer release, and say how to install it.

Nothing is asked unless this command is run, and nothing is sent but the name of the package.`
  static override examples = examples('', '--json')
  static override flags = {
    registry: Flags.string({
      description: 'Registry that is asked',
      default: 'https://registry.npmjs.org',
      helpValue: '<url>',
    }),
  }

  async run() {
    const { newestRelease } = await import('../../core/update/newest-release.ts')
    const { registry } = this.flags
    this.redactor.addUrl(registry)
    const { name, version: installed } = this.config
    const release = await newestRelease({ registry, name, installed })
    const { newest, isNewer, node } = release
    if (!isNewer) {
      this.log(
        `kaisar ${installed} is the newest release${newest === installed ? '' : `; the registry has ${newest}`}.`,
      )
      return { ...release, command: null }
    }
    // As docs/install.md has it: without the variable npm may fetch 300 MB for a card that nobody has.
    const command = `ONNXRUNTIME_NODE_INSTALL=skip npm install --global ${name}@${newest}`
    this.log(`kaisar ${newest} is there; this is ${installed}.${node === null ? '' : ` It needs Node ${node}.`}`)
    this.nextSteps([
      command,
      // What was fetched for CUDA lies in the folder that npm has just replaced.
      'on a host with a card: kaisar provider setup-gpu --install',
      'restart the services: sudo systemctl restart kaisar-provider kaisar-checker',
      'what changes for operators: docs/upgrade.md and CHANGELOG.md of the release',
    ])
    return { ...release, command }
  }
}
