import { Flags } from '@oclif/core'

export const serviceFlags = {
  settings: Flags.string({
    description: 'Configuration file that the unit names. Default: /etc/kaisar/<role>.toml',
    helpValue: '<file>',
  }),
  'password-from': Flags.string({
    description: 'File with the password that systemd hands to the daemon. Default: /etc/kaisar/<role>-password',
    helpValue: '<file>',
  }),
}

/** The unit of a role on this machine, and the steps that install it. */
export async function describeService(
  role: 'provider' | 'checker',
  flags: { readonly settings?: string | undefined; readonly 'password-from'?: string | undefined },
  root: string,
) {
  const { systemdUnit, acceleratorsOf } = await import('../core/operator/systemd-unit.ts')
  const { existsSync } = await import('node:fs')
  const { join } = await import('node:path')
  const settings = flags.settings ?? `/etc/kaisar/${role}.toml`
  const passwordFile = flags['password-from'] ?? `/etc/kaisar/${role}-password`
  const unit = systemdUnit({
    role,
    node: process.execPath,
    entry: join(root, 'bin/run.js'),
    settings,
    passwordFile,
    accelerators: role === 'provider' ? acceleratorsOf(existsSync) : [],
  })
  const name = `kaisar-${role}.service`
  const steps = [
    `kaisar ${role} init --settings ${settings} --data-dir /var/lib/kaisar-${role} --password-file ${passwordFile}`,
    `kaisar ${role} service > /etc/systemd/system/${name}`,
    'systemctl daemon-reload',
    `systemctl enable --now ${name}`,
  ]
  return { name, unit, steps }
}
