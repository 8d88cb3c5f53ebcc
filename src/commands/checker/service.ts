import { examples } from '../base.ts'
import { ServiceCommand, serviceFlags } from '../service-command.ts'

export default class CheckerService extends ServiceCommand<typeof CheckerService> {
  static override description = `Run this Checker as a service: print a hardened systemd unit, or install all of it.

--install takes what "kaisar checker init" made: the key and the network are copied, the state moved to
/var/lib/kaisar-checker, the settings and the password to /etc/kaisar. What is there already is kept, so that it can be run again.`
  static override examples = examples(
    '',
    '--install --password-file checker-password',
    '--install --root /mnt/image --password-file checker-password --json',
    '--uninstall',
  )
  static override flags = { ...serviceFlags }

  run() {
    return this.serve('checker', ['payout', 'public-url'])
  }
}
