import { examples } from '../base.ts'
import { ServiceCommand, serviceFlags } from '../service-command.ts'

export default class ProviderService extends ServiceCommand<typeof ProviderService> {
  static override description = `Run this Provider as a service: print a hardened systemd unit, or install all of it.

--install takes what "kaisar provider init" made: the key and the network are copied, the state moved to
/var/lib/kaisar-provider, the settings and the password to /etc/kaisar. What is there already is kept, so that it can be run again. With
--signer-url the key stays in the signer, whose URL only systemd can read.`
  static override examples = examples(
    '',
    '--install --password-file provider-password',
    '--install --root /mnt/image --password-file provider-password --json',
    '--install --signer-url http://127.0.0.1:9000',
    '--uninstall',
  )
  static override flags = { ...serviceFlags }

  run() {
    return this.serve('provider', ['payout'])
  }
}
