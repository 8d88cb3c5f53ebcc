/** What `provider init` and `checker init` share: a key, a payout wallet, a certificate, and a configuration file that names them. */
import { webcrypto } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Command, Flags } from '@oclif/core'
import { operatorErrors } from '../core/operator/errors.ts'
import { failureReason } from '../core/platform/errors.ts'
import { platformErrors } from '../core/platform/platform-errors.ts'
import { shellWord } from '../core/platform/shell-word.ts'
import type { CertificateBinding } from '../core/transport/certificate.ts'
import { BaseCommand, chainFlags, type SharedFlags } from './base.ts'
import { addressFlag, fileFlag, parseAddress } from './input-values.ts'
import { type KeyFlags, passwordFlags } from './key-flags.ts'
import { roleFolder } from './operator-command.ts'

export const initFlags = {
  ...chainFlags,
  ...passwordFlags,
  key: Flags.string({ description: 'Name of the key; it is made where there is none', default: 'operator' }),
  payout: addressFlag({ description: 'Wallet that is paid; its key stays on another machine' }),
  settings: fileFlag('Configuration file that is written. Default: that of this user'),
}

type InitFlags = SharedFlags<typeof initFlags> & Pick<KeyFlags, 'signer-url'>

export type InitialisedRole = {
  readonly operator: `0x${string}`
  /** Null where a signer has it. */
  readonly key: { readonly path: string; readonly made: boolean } | null
  readonly payout: `0x${string}`
  readonly settings: { readonly path: string; readonly changed: boolean }
}

export abstract class InitCommand<T extends typeof Command> extends BaseCommand<T> {
  private get given(): InitFlags {
    // oclif's types of a generic command do not say that the flags of all of them are there.
    return this.flags as unknown as InitFlags
  }

  /** Everything is asked before anything is made, so that an interrupted init leaves nothing behind. */
  protected async initialise(
    role: 'provider' | 'checker',
    settings: Readonly<Record<string, string | number>>,
  ): Promise<InitialisedRole> {
    const { key, 'rpc-url': rpcUrls, context, 'data-dir': dataDir, 'signer-url': signerUrl } = this.given
    const payout =
      this.given.payout ??
      (await parseAddress(await this.askText('Payout wallet (its key stays elsewhere)', '--payout')))
    const path = this.given.settings ?? join(this.config.configDir, 'config.toml')
    const { addSettings } = await import('../core/operator/add-settings.ts')
    const wasThere = existsSync(path)
    const text = wasThere ? readFileSync(path, 'utf8') : ''
    const added = addSettings(text, {
      path,
      table: role,
      settings: {
        payout,
        ...settings,
        ...(context === undefined ? {} : { context }),
        ...(rpcUrls === undefined ? {} : { 'rpc-url': rpcUrls }),
        ...(dataDir === undefined ? {} : { 'data-dir': resolve(dataDir) }),
        // Not its URL, which may hold a password.
        ...(signerUrl === undefined ? {} : { 'signer-address': await this.keyAddress() }),
      },
    })
    const ensureKey = await this.prepareKey(key)
    // Before the key: a key is never removed again, and one without settings would puzzle too.
    if (added !== text) await this.write(path, added)
    const made = await ensureKey().catch(async error => {
      // Settings without a key would only puzzle their owner.
      if (!wasThere) rmSync(path, { force: true })
      else if (added !== text) await this.write(path, text)
      throw error
    })
    if (made.operator === payout)
      this.warn('The payout wallet is the operator’s own key: whoever takes this machine takes the rewards too.')
    return { operator: made.operator, key: made.key, payout, settings: { path, changed: added !== text } }
  }

  /** Asks for the password of a key that is not there yet; what it returns makes the key. */
  private async prepareKey(name: string): Promise<() => Promise<Pick<InitialisedRole, 'operator' | 'key'>>> {
    if (this.given['signer-url'] !== undefined) {
      const operator = await this.keyAddress()
      return async () => ({ operator, key: null })
    }
    const { keyPath, readKeystore, saveKey } = await import('../core/platform/key-folder.ts')
    const { keystoreAddress } = await import('../core/platform/keystore.ts')
    const path = keyPath(this.dataDir, name)
    const lower = (address: string) => address.toLowerCase() as `0x${string}`
    const known = existsSync(path) ? keystoreAddress(readKeystore(path)) : undefined
    if (known !== undefined) return async () => ({ operator: lower(known), key: { path, made: false } })
    const password = await this.readPassword(`Password for the new key "${name}"`, { twice: true })
    return async () => {
      const { generatePrivateKey, privateKeyToAddress } = await import('viem/accounts')
      const privateKey = generatePrivateKey()
      await saveKey({ dataDir: this.dataDir, name, privateKey, password })
      this.progress('Back up the key file and its password: without both, what the key owns is lost.')
      return { operator: lower(privateKeyToAddress(privateKey)), key: { path, made: true } }
    }
  }

  private async write(path: string, text: string) {
    const { makeFolders, writeFileAtomically } = await import('../core/platform/write-file-atomically.ts')
    try {
      makeFolders(dirname(path), 0o755)
      // Other users may read it: it holds no secret, and a service does.
      writeFileAtomically(path, text, 0o644)
    } catch (cause) {
      throw operatorErrors.SETTINGS_UNWRITABLE({ path, reason: failureReason(cause), cause })
    }
  }

  /** What the role presents itself with to its peers: made where it is missing, or binds something else. */
  protected async ensureCertificate(name: string, bindingOf: () => Promise<CertificateBinding>) {
    const { ensureCertificate } = await import('../core/transport/certificate-file.ts')
    const folder = roleFolder(this.dataDir, this.words[0] as 'provider' | 'checker')
    return this.alone(folder, async () => {
      const binding = await bindingOf()
      const file = join(folder, name)
      const dependencies = { now: () => new Date(), crypto: webcrypto as webcrypto.Crypto }
      const { certificateHash } = await ensureCertificate({ file, binding }, dependencies)
      return { file, certificateHash, deviceIds: binding.deviceIds }
    })
  }

  /** Asks for a text; names the flag to pass where nobody can answer. */
  protected async askText(question: string, flag: string): Promise<string> {
    this.requirePrompt(question, flag)
    const { isCancel, text } = await import('@clack/prompts')
    const answer = await text({ message: question, output: process.stderr })
    if (isCancel(answer)) throw platformErrors.INTERRUPTED()
    return (answer ?? '').trim()
  }

  /** What runs the role now, with what its settings do not say. */
  protected get runCommand(): string {
    const { key, settings, 'password-file': passwordFile, 'signer-url': signerUrl } = this.given
    const flags = { config: settings, key: key === 'operator' ? undefined : key, 'password-file': passwordFile }
    const words = Object.entries(flags).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name} ${shellWord(value)}`],
    )
    // Not its URL, which may hold a password.
    if (signerUrl !== undefined) words.push('--signer-url "$SIGNER_URL"')
    return ['kaisar', this.words[0], 'run', ...words].join(' ')
  }

  protected showInitialised({ operator, key, payout, settings }: InitialisedRole, next: readonly string[]) {
    this.log(`operator     ${operator}`)
    this.log(`key          ${key === null ? 'in the signer' : `${key.path}${key.made ? '' : ' (was there)'}`}`)
    this.log(`payout       ${payout}`)
    this.log(`settings     ${settings.path}${settings.changed ? '' : ' (unchanged)'}`)
    this.nextSteps(next)
  }
}
