import { BaseCommand } from '../base.ts'
import { describeService, serviceFlags } from '../print-service.ts'

export default class CheckerService extends BaseCommand<typeof CheckerService> {
  static override description = `Print a hardened systemd unit that runs this Checker; what installs it goes to stderr.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> > /etc/systemd/system/kaisar-checker.service',
    '<%= config.bin %> <%= command.id %> --settings /srv/kaisar/checker.toml --json',
  ]
  static override flags = { ...serviceFlags }

  async run() {
    const service = await describeService('checker', this.flags, this.config.root)
    this.log(service.unit.trimEnd())
    this.progress(`As root:\n${service.steps.map(step => `  ${step}`).join('\n')}`)
    return service
  }
}
