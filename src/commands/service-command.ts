/** What `provider service` and `checker service` share: print a unit, install it, take it away again. */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, Flags } from '@oclif/core'
import { operatorErrors } from '../core/operator/errors.ts'
import {
  assertServiceHost,
  below,
  type InstallTarget,
  installService,
  type ServiceContent,
  type ServicePaths,
  type ServiceRole,
  servicePaths,
  uninstallService,
} from '../core/operator/install-service.ts'
import { type Config, configValue } from '../core/platform/config.ts'
import { platformErrors } from '../core/platform/platform-errors.ts'
import { shellWord } from '../core/platform/shell-word.ts'
import { signerErrors } from '../core/platform/signer-errors.ts'
import { BaseCommand, type SharedFlags } from './base.ts'
import { readConfigFile } from './flag-settings.ts'
import { fileFlag } from './input-values.ts'
import { passwordFlags, signerFlags } from './key-flags.ts'

const modes = ['print', 'install', 'uninstall']
const onlyOne = (own: string) => modes.filter(each => each !== own)

export const serviceFlags = {
  ...passwordFlags,
  ...signerFlags,
  print: Flags.boolean({ description: 'Print the unit, which is the default', exclusive: onlyOne('print') }),
  install: Flags.boolean({
    description: 'Install this user’s key, settings, network and password as a service, and start it; needs root',
    exclusive: onlyOne('install'),
  }),
  uninstall: Flags.boolean({
    description: 'Stop the service and remove its unit; keys, state and settings stay',
    exclusive: onlyOne('uninstall'),
  }),
  root: Flags.string({
    description: 'Install into this folder, such as that of an image, without calling systemctl',
    helpValue: '<folder>',
  }),
  key: Flags.string({
    description: 'Name of the key that is installed (see "kaisar keys list"), or path of a keystore file',
    default: 'operator',
    helpValue: '<name|file>',
  }),
  settings: fileFlag('Configuration file that the unit names. Default: /etc/kaisar/<role>.toml'),
  'password-from': fileFlag(
    'File with the password that systemd hands to the daemon. Default: /etc/kaisar/<role>-password',
  ),
}

/** Of the daemon's settings, what is another one where it is a service. */
const notInherited = new Set([
  ...['config', 'context', 'data-dir', 'key', 'password-file', 'take-over', 'watch', 'json'],
  // Everybody may read the settings, and the URL of a signer may hold a password.
  ...['signer-url', 'signer-address'],
])

export abstract class ServiceCommand<T extends typeof Command> extends BaseCommand<T> {
  private get given(): SharedFlags<typeof serviceFlags> {
    // oclif's types of a generic command do not say that the flags of all of them are there.
    return this.flags as unknown as SharedFlags<typeof serviceFlags>
  }

  /** @param needed - settings without which the daemon does not start */
  protected async serve(role: ServiceRole, needed: readonly string[]): Promise<object> {
    const { install, uninstall, root, settings, 'password-from': passwordFile, 'signer-url': signer } = this.given
    if (role === 'checker' && signer !== undefined)
      throw signerErrors.SIGNER_KEY_NEEDED({ command: 'kaisar checker run' })
    const paths = servicePaths(role, { settings, passwordFile })
    const target = { paths, root: root === undefined ? null : resolve(root) }
    if (install || uninstall) await this.requireSystemd(target, uninstall ? '--uninstall' : '--install')
    if (install) return this.installAs(target, needed)
    return uninstall ? this.uninstallFrom(target) : this.printUnit(paths, needed)
  }

  private get program(): string[] {
    return [process.execPath, join(this.config.root, 'bin/run.js')]
  }

  private async printUnit(paths: ServicePaths, needed: readonly string[]) {
    const unit = await this.unitOf(paths, this.given['signer-url'] !== undefined)
    const steps = await this.stepsOf(paths, needed)
    this.log(unit.trimEnd())
    this.progress(`This does it all, as root:\n  ${steps[0]}\nStep by step:\n${lines(steps.slice(1))}`)
    return { name: paths.name, unit, steps }
  }

  private async unitOf(
    { role, settings, passwordFile, signerFile }: ServicePaths,
    hasSigner: boolean,
  ): Promise<string> {
    const { acceleratorsOf, systemdUnit } = await import('../core/operator/systemd-unit.ts')
    const [node, entry] = this.program as [string, string]
    const accelerators = role === 'provider' ? acceleratorsOf(existsSync) : []
    const key = hasSigner ? { signerFile } : { passwordFile }
    return systemdUnit({ role, node, entry, settings, key, accelerators })
  }

  /** The line that installs, then the same by hand. What is not known yet is a variable. */
  private async stepsOf(paths: ServicePaths, needed: readonly string[]): Promise<string[]> {
    const { role, name, unit, settings, passwordFile, contextHome, folder, key } = paths
    const { 'signer-address': signer = '$OPERATOR' } = this.given
    const hasSigner = this.given['signer-url'] !== undefined
    const config = await this.readConfig()
    const context = (await this.findContext(null)) ?? '$CONTEXT'
    const values = needed
      .map(flag => `--${flag} ${configValue(config, [role, 'run'], flag) ?? variable(flag)}`)
      .join(' ')
    const { 'password-file': passwordOf } = this.given
    const password = passwordOf === undefined ? '$PASSWORD_FILE' : shellWord(passwordOf)
    const contextFile = `${shellWord(join(this.contextHome, 'contexts'))}/${context}.json`
    const [settingsWord, passwordWord] = [settings, passwordFile].map(shellWord)
    return [
      this.commandLine(config, role, '--install'),
      `install -d -m 755 ${contextHome} ${contextHome}/contexts`,
      `install -d -m 700 ${folder} ${folder}/keys`,
      hasSigner
        ? `printf 'KAISAR_SIGNER_URL="%s"\\n' "$SIGNER_URL" | install -m 600 /dev/stdin ${paths.signerFile}`
        : `install -m 600 ${password} ${passwordWord}`,
      `install -m 644 ${contextFile} ${contextHome}/contexts/${context}.json`,
      ...(hasSigner ? [] : [`install -m 600 ${shellWord(await this.sourceKey())} ${key}`]),
      `kaisar ${role} init ${values} --context ${context} --settings ${settingsWord} --data-dir ${folder} ${hasSigner ? `--signer-url "$SIGNER_URL" --signer-address ${signer}` : `--password-file ${passwordWord}`}`,
      `kaisar ${role} service ${hasSigner ? '--signer-url "$SIGNER_URL" ' : ''}> ${unit}`,
      'systemctl daemon-reload',
      `systemctl enable --now ${name}`,
    ]
  }

  /** This command line for root, who has other folders than this user. */
  private commandLine(config: Config, role: ServiceRole, mode: string): string {
    const { settings, root, 'password-from': from } = this.given
    const own = [
      ...(settings === undefined ? [] : ['--settings', settings]),
      ...(from === undefined ? [] : ['--password-from', from]),
      ...(root === undefined ? [] : ['--root', resolve(root)]),
    ]
    return `sudo ${this.lineOf(config, [role, 'service', mode], own)}`
  }

  /** A command with this user's network, settings, folder and key, whoever gives it and wherever. */
  private lineOf(config: Config, command: readonly string[], more: readonly string[] = []): string {
    const { key, context, 'password-file': password } = this.given
    const { 'signer-url': signerUrl, 'signer-address': signer } = this.given
    const words = [
      ...['env', `KAISAR_CONTEXT_HOME=${this.contextHome}`, ...this.program, ...command],
      ...(existsSync(config.path) ? ['--config', resolve(config.path)] : []),
      ...['--data-dir', resolve(this.dataDir)],
      ...(key === 'operator' ? [] : ['--key', key.includes('/') ? resolve(key) : key]),
      ...(password === undefined ? [] : ['--password-file', resolve(password)]),
      ...(signer === undefined ? [] : ['--signer-address', signer]),
      ...(context === undefined ? [] : ['--context', context]),
      ...more,
    ]
    const line = words.map(shellWord).join(' ')
    // The URL of a signer may hold a password: the line shows a variable in its place.
    return signerUrl === undefined ? line : `${line} --signer-url "$SIGNER_URL"`
  }

  private async requireSystemd({ paths, root }: InstallTarget, mode: string): Promise<void> {
    if (root !== null) return
    const { role } = paths
    const config = await this.readConfig()
    // Nothing was installed, so that it runs from where this user set it up.
    const daemon = this.lineOf(config, [role, 'run'])
    const { 'password-file': password, 'signer-url': signer } = this.given
    assertServiceHost({
      systemd: existsSync('/run/systemd/system'),
      uid: process.getuid?.(),
      program: this.program,
      modeOf: path => statSync(path).mode,
      daemonLine: (password ?? signer) ? daemon : `${daemon} --password-file $PASSWORD_FILE`,
      rootLine: this.commandLine(config, role, mode),
    })
  }

  private async installAs(target: InstallTarget, needed: readonly string[]) {
    const { paths, root } = target
    const { nodeHost } = await import('../core/devices/host.ts')
    const { content, operator } = await this.gather(target, needed)
    const { files, moved } = await installService(target, content, nodeHost)
    for (const { path, change } of files) this.log(`${change.padEnd(8)} ${path}`)
    if (moved !== null) this.log(`moved    ${moved} to ${join(paths.folder, paths.role)}`)
    this.log(`operator ${operator ?? 'not stated by the key file'}`)
    if (content.key !== null)
      this.warn(
        `The service has the key now: do not run it with ${this.dataDir} any more, where a copy stays as a backup.`,
      )
    this.progress(
      `Next:\n${lines([
        `kaisar wallet balance ${operator ?? '$OPERATOR'}`,
        ...(root === null ? [`systemctl status ${paths.name}`, `journalctl -u ${paths.name} -f`] : []),
        `kaisar ${paths.role} status --data-dir ${paths.folder}`,
      ])}`,
    )
    return { name: paths.name, operator, files, moved, root }
  }

  private async uninstallFrom(target: InstallTarget) {
    const { nodeHost } = await import('../core/devices/host.ts')
    const { name } = target.paths
    const { removed, kept } = await uninstallService(target, nodeHost)
    this.log(removed ? `${name} is removed.` : `${name} was not installed.`)
    if (kept.length > 0) this.log(`What it needs to come back is still there:\n${lines(kept)}`)
    return { name, removed, kept }
  }

  /** Everything that is installed, read and checked before anything is written. What the service has already is kept. */
  private async gather(target: InstallTarget, needed: readonly string[]) {
    const { paths, root } = target
    const { contextNames } = await import('../core/platform/context.ts')
    const key = await this.chooseKey(target)
    const password = key.path === null ? null : await this.choosePassword(key.path, below(root, paths.passwordFile))
    const context = await this.findContext(target)
    if (context === null) throw platformErrors.CONTEXT_MISSING({ known: contextNames(this.contextHome) })
    const signerAddress: Record<string, string> = key.signerUrl === null ? {} : { 'signer-address': key.operator! }
    const settings = await this.chooseSettings(target, { context, ...signerAddress }, needed)
    const network = join('contexts', `${context}.json`)
    const home = join(this.contextHome, network)
    const hasNetwork = existsSync(home)
    if (!hasNetwork && !existsSync(below(root, join(paths.contextHome, network))))
      throw platformErrors.CONTEXT_UNKNOWN({ name: context, known: contextNames(this.contextHome) })
    const state = join(this.dataDir, paths.role)
    const content: ServiceContent = {
      unit: await this.unitOf(paths, key.path === null),
      settings,
      password,
      key: key.text,
      signerUrl: key.signerUrl,
      context: hasNetwork ? { name: context, text: readFileSync(home, 'utf8') } : null,
      // Only with its key: what another one signed is not this one's.
      state: key.ownsState && existsSync(state) ? state : null,
    }
    return { content, operator: key.operator }
  }

  private async sourceKey(): Promise<string> {
    const { key } = this.given
    const { keyFile } = await import('../core/platform/key-folder.ts')
    const file = keyFile(this.dataDir, key)
    return file === key ? resolve(file) : file
  }

  /**
   * The service's own key, or this user's, or that of the signer: `path` is null where a signer has it, `text` is set where it has to be
   * copied, `ownsState` where this user's state is of that key.
   *
   * @throws SERVICE_NOT_SET_UP, SERVICE_KEY_DIFFERS, and what the signer says
   */
  private async chooseKey({ paths, root }: InstallTarget) {
    const { readKeystore, readKeyText } = await import('../core/platform/key-folder.ts')
    const { keystoreAddress } = await import('../core/platform/keystore.ts')
    const source = await this.sourceKey()
    const operatorOf = (path: string) => keystoreAddress(readKeystore(path))?.toLowerCase() ?? null
    const assertSame = (path: string, found: string | null, wanted: string | null) => {
      if (found !== wanted)
        throw operatorErrors.SERVICE_KEY_DIFFERS({
          path,
          found: found ?? 'an unnamed account',
          wanted: wanted ?? 'an unnamed account',
        })
    }
    const installed = below(root, paths.key)
    const hasKey = existsSync(installed)
    const signerUrl = this.given['signer-url'] ?? null
    if (signerUrl !== null) {
      const operator = await this.keyAddress()
      if (hasKey) assertSame(installed, operatorOf(installed), operator)
      const ownsState = !hasKey && (!existsSync(source) || operatorOf(source) === operator)
      return { path: null, operator, text: null, signerUrl, ownsState }
    }
    if (existsSync(below(root, paths.signerFile))) {
      const settings = await this.installedSettings(below(root, paths.settings))
      const operator = settings && configValue(settings, [paths.role, 'run'], 'signer-address')
      return { path: null, operator: (operator as string) ?? null, text: null, signerUrl, ownsState: false }
    }
    if (hasKey) {
      const operator = operatorOf(installed)
      if (existsSync(source)) assertSame(installed, operator, operatorOf(source))
      return { path: installed, operator, text: null, signerUrl, ownsState: false }
    }
    if (!existsSync(source)) throw operatorErrors.SERVICE_NOT_SET_UP({ missing: `the key ${source}` })
    return { path: source, operator: operatorOf(source), text: readKeyText(source), signerUrl, ownsState: true }
  }

  /** Null keeps the installed one; a new one has to open the key, as a service can ask nobody. */
  private async choosePassword(key: string, installed: string): Promise<string | null> {
    if (this.given['password-file'] === undefined && existsSync(installed)) return null
    const password = await this.readPassword(`Password of ${key}`)
    const { unlockKey } = await import('../core/platform/key-folder.ts')
    await unlockKey(key, password)
    return `${password}\n`
  }

  /** The name of the network: the one asked for, that of the installed settings, else that of this user. @throws CONTEXT_UNKNOWN */
  private async findContext(target: InstallTarget | null): Promise<string | null> {
    const { context } = this.given
    const { chooseContext } = await import('../core/platform/context.ts')
    if (context === undefined && target !== null) {
      const installed = await this.installedSettings(below(target.root, target.paths.settings))
      const named = installed && configValue(installed, [target.paths.role, 'run'], 'context')
      if (named !== undefined) return String(named)
    }
    return chooseContext(this.contextHome, context)?.name ?? null
  }

  private async installedSettings(path: string): Promise<Config | undefined> {
    const { readConfig } = await import('../core/platform/config.ts')
    return existsSync(path) ? readConfig(path, { required: true }) : undefined
  }

  /** What the service's file says already, else this user's settings for the daemon; with the network in either. */
  private async chooseSettings(
    { paths, root }: InstallTarget,
    more: Readonly<Record<string, string>>,
    needed: readonly string[],
  ) {
    const { addSettings } = await import('../core/operator/add-settings.ts')
    const path = below(root, paths.settings)
    const installed = await this.installedSettings(path)
    const config = installed ?? (await this.readConfig())
    const words = [paths.role, 'run']
    for (const flag of needed)
      if (configValue(config, words, flag) === undefined)
        throw operatorErrors.SERVICE_NOT_SET_UP({ missing: `"${flag}" in ${config.path}` })
    const daemonFlags = Object.keys(this.config.findCommand(words.join(':'))?.flags ?? {})
    const inherited = daemonFlags.flatMap(flag => {
      const value = notInherited.has(flag) || installed ? undefined : configValue(config, words, flag)
      return value === undefined ? [] : [[flag, value as string]]
    })
    const text = installed ? readFileSync(path, 'utf8') : ''
    return addSettings(text, { path, table: paths.role, settings: { ...Object.fromEntries(inherited), ...more } })
  }

  private readConfig(): Promise<Config> {
    const own = { ...this.ctor.baseFlags, ...this.ctor.flags }
    return readConfigFile({ argv: this.argv, words: this.words, flags: Object.keys(own), oclif: this.config })
  }
}

const lines = (all: readonly string[]) => all.map(each => `  ${each}`).join('\n')

const variable = (flag: string) => `$${flag.replaceAll('-', '_').toUpperCase()}`
