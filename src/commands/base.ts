/** What every command shares: global flags, the JSON contract, exit codes, settings, the network to work with, and how it ends. */
import { styleText } from 'node:util'
import { Command, Flags, type Interfaces } from '@oclif/core'
import { ExitError } from '@oclif/core/errors'
import type { Chain } from '../core/chain/client.ts'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import type { OperatorKey } from '../core/daemon/operator-key.ts'
import type { Context } from '../core/platform/context.ts'
import type { KaisarError } from '../core/platform/errors.ts'
import { createGracefulStop, type GracefulStop } from '../core/platform/graceful-stop.ts'
import { keyErrors } from '../core/platform/key-errors.ts'
import type { UnlockedKey } from '../core/platform/keystore.ts'
import type { Logger, LogLevel } from '../core/platform/log.ts'
import { type Envelope, failureEnvelope, stringifyJson, successEnvelope } from '../core/platform/output.ts'
import { platformErrors } from '../core/platform/platform-errors.ts'
import { createRedactor } from '../core/platform/redact.ts'
import type { RemoteSigner } from '../core/platform/remote-signer.ts'
import { signerErrors } from '../core/platform/signer-errors.ts'
import { readConfigFile, withSettings } from './flag-settings.ts'
import type { KeyFlags } from './key-flags.ts'
import { flagNames, toKaisarError, writeError } from './usage-errors.ts'

export type CommandFlags<T extends typeof Command> = Interfaces.InferredFlags<
  (typeof BaseCommand)['baseFlags'] & T['flags']
>
/** What commands with these flags in common find in `this.flags`, which oclif's types of a generic command do not say. */
export type SharedFlags<F extends Interfaces.FlagInput> = Interfaces.InferredFlags<(typeof BaseCommand)['baseFlags']> &
  Interfaces.InferredFlags<F>

/** Examples of a command: what each says after its words, nothing for the command alone. */
export const examples = (...args: readonly string[]): string[] =>
  args.map(each => `<%= config.bin %> <%= command.id %> ${each}`.trimEnd())

/** The flags of every command that reads a chain: `static flags = { ...chainFlags, … }`. */
export const chainFlags = {
  'rpc-url': Flags.string({
    description: 'JSON-RPC endpoint; give it several times for several endpoints. Default: those of the context',
    helpGroup: 'GLOBAL',
    helpValue: '<url>',
    multiple: true,
    multipleNonGreedy: true,
  }),
}

/** The flag of commands that read the events of a network. */
export const eventFlags = {
  'from-block': Flags.integer({
    description: 'Nothing older than this block is read. Default: that of the deployment',
    min: 0,
  }),
}

/** The flag of commands that ask before something is lost. */
export const confirmFlags = {
  yes: Flags.boolean({ char: 'y', description: 'Answer yes to every question' }),
}

/** Where a command finds its chain. `contracts` is empty when only an RPC URL was given. */
export type ChainTarget = {
  readonly rpcUrls: readonly string[]
  readonly chainId: number | undefined
  readonly contracts: Context['contracts']
  readonly codeHashes: Context['codeHashes']
  readonly deployedAtBlock?: number | undefined
  readonly context: Context | undefined
}

/** What of it a connection needs. */
type ConnectTarget = Pick<ChainTarget, 'rpcUrls' | 'chainId' | 'contracts'> &
  Partial<Pick<ChainTarget, 'codeHashes' | 'deployedAtBlock'>>

export abstract class BaseCommand<T extends typeof Command> extends Command {
  static override enableJsonFlag = true

  static override baseFlags = {
    config: Flags.string({ description: 'Configuration file (TOML)', helpGroup: 'GLOBAL', helpValue: '<file>' }),
    context: Flags.string({
      description: 'Network to work with. Default: that of "kaisar context use", else the running devnet',
      helpGroup: 'GLOBAL',
      helpValue: '<name>',
    }),
    'data-dir': Flags.directory({
      description: 'Where state and keys are kept. Default: the data folder of this user',
      helpGroup: 'GLOBAL',
      helpValue: '<folder>',
    }),
    'log-level': Flags.option({ options: ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const })({
      description: 'How much is logged on stderr',
      helpGroup: 'GLOBAL',
      default: 'info',
    }),
  }

  /** Set by commands that print events while they run: their last line is then `{type: "result", …envelope}`. */
  static readonly streaming: boolean = false

  protected flags!: CommandFlags<T>
  protected args!: Interfaces.InferredArgs<T['args']>
  protected readonly redactor = createRedactor()
  private readonly warnings: string[] = []
  private failureData: object | undefined
  protected readonly chains: Chain[] = []
  private stop: GracefulStop | undefined
  private unlocked: Promise<UnlockedKey> | undefined
  private remote: Promise<RemoteSigner> | undefined

  /** The result of a command, which is `data` of its envelope. Text is printed with `this.log` on the way. */
  abstract override run(): Promise<object>

  /** The words of the command: `['provider', 'run']`. */
  protected get words(): string[] {
    return (this.id ?? '').split(':')
  }

  /** Where state and keys are kept; each role has a folder of its own in it. */
  protected get dataDir(): string {
    return (this.flags as { 'data-dir'?: string })['data-dir'] ?? this.config.dataDir
  }

  /** Where contexts are found, whatever --data-dir says: the user's own data folder, unless the environment names another. */
  protected get contextHome(): string {
    return process.env.KAISAR_CONTEXT_HOME ?? this.config.dataDir
  }

  protected override async init(): Promise<void> {
    await super.init()
    const { args, flags } = await this.parseWithSettings()
    this.flags = flags as CommandFlags<T>
    this.args = args as typeof this.args
  }

  private async parseWithSettings() {
    const { args, strict } = this.ctor
    const own = { ...this.ctor.baseFlags, ...this.ctor.flags } as Interfaces.FlagInput
    const { argv, words: command, config: oclif } = this
    const config = await readConfigFile({ argv, words: command, flags: Object.keys(own), oclif })
    const flags = withSettings(own, command, { env: process.env, config })
    // What is piped in is a list or a password, where a command reads it, and never a word of the command.
    const words = Object.fromEntries(Object.entries(args).map(([name, arg]) => [name, { ...arg, ignoreStdin: true }]))
    return this.parse({ flags, args: words as typeof args, strict, enableJsonFlag: true })
  }

  /** `--json`, or KAISAR_JSON=1. */
  override jsonEnabled(): boolean {
    return super.jsonEnabled() || /^(1|true|yes)$/i.test(process.env.KAISAR_JSON ?? '')
  }

  /** A line of a long run: NDJSON in JSON mode, `text` (when given) otherwise. */
  protected event(type: string, fields: Readonly<Record<string, unknown>>, text?: string): void {
    if (this.jsonEnabled()) this.logJson({ time: new Date().toISOString(), type, ...fields })
    else if (text !== undefined) this.log(this.redactor.result(text))
  }

  /** Ends the command with an error that still has a result: a negative verdict, the findings of a doctor. */
  protected fail(error: KaisarError, data: object): never {
    this.failureData = data
    throw error
  }

  /** A line about what is going on, on stderr; nothing in JSON mode. */
  protected progress(line: string): void {
    if (!this.jsonEnabled()) process.stderr.write(`${line}\n`)
  }

  /** What the user does now that this is done, on stderr; nothing in JSON mode. */
  protected nextSteps(steps: readonly string[]): void {
    this.progress(`Next:\n${steps.map(step => `  ${step}`).join('\n')}`)
  }

  /** The command's logger, on stderr: readable on a terminal, JSON lines in a pipe. A dashboard takes the lines (JSON) itself. */
  protected async createLog(name: string, take?: (line: string) => void): Promise<Logger> {
    const { createLogger } = await import('../core/platform/log.ts')
    const { 'log-level': level } = this.flags as { 'log-level': LogLevel }
    const format = process.stderr.isTTY && !this.jsonEnabled() && take === undefined ? 'text' : 'json'
    const write = take ?? ((line: string) => process.stderr.write(line))
    return createLogger({ level, name, format }, { write, redactor: this.redactor })
  }

  /**
   * The chain this command reads: --rpc-url (flag, environment, file), with the contracts of the context.
   *
   * @throws CONTEXT_MISSING when neither names one
   */
  protected async chainTarget(): Promise<ChainTarget> {
    const flags = this.flags as { context?: string; 'rpc-url'?: string[] }
    const { chooseContext, contextNames } = await import('../core/platform/context.ts')
    const context = chooseContext(this.contextHome, flags.context)
    const rpcUrls = flags['rpc-url'] ?? context?.rpcUrls
    if (!rpcUrls?.length) throw platformErrors.CONTEXT_MISSING({ known: contextNames(this.contextHome) })
    for (const url of rpcUrls) this.redactor.addUrl(url)
    const { chainId, contracts = {}, codeHashes, deployedAtBlock } = context ?? {}
    return { rpcUrls, chainId, contracts, codeHashes, deployedAtBlock, context }
  }

  /** What of --from-block a reader of events is given. */
  protected get readingFrom(): { fromBlock?: bigint } {
    const { 'from-block': block } = this.flags as { 'from-block'?: number }
    return block === undefined ? {} : { fromBlock: BigInt(block) }
  }

  /** Connects to a network for as long as the command runs. */
  protected readonly connectNetwork = async (target: ConnectTarget): Promise<ConnectedNetwork> => {
    const { connectNetwork } = await import('../core/chain/network.ts')
    const network = await connectNetwork(target, { rpcUrls: target.rpcUrls })
    this.chains.push(network.chain)
    return network
  }

  /** The network of {@link chainTarget}. */
  protected async openNetwork(): Promise<ConnectedNetwork> {
    return this.connectNetwork(await this.chainTarget())
  }

  /** Whether a person can be asked. */
  protected get canPrompt(): boolean {
    return Boolean(process.stdin.isTTY && process.stderr.isTTY) && !this.jsonEnabled()
  }

  /** Refuses to ask where nobody can answer, naming the flag to pass instead. */
  protected requirePrompt(question: string, flag: string): void {
    if (!this.canPrompt) throw platformErrors.PROMPT_REFUSED({ question, flag })
  }

  /** Asks before something is lost; --yes answers, and without a terminal the flag is required. */
  protected async confirm(question: string): Promise<void> {
    if ((this.flags as { yes?: boolean }).yes) return
    this.requirePrompt(question, '--yes')
    const { confirm } = await import('@clack/prompts')
    const answer = await confirm({ message: question, initialValue: false, output: process.stderr })
    if (answer !== true) throw platformErrors.INTERRUPTED()
  }

  /** The password from --password-file, a systemd credential, or a hidden prompt. Chosen anew it is asked `twice`, and the file is made where it is missing. */
  protected async readPassword(question: string, options: { twice?: boolean } = {}): Promise<string> {
    const { makePasswordFile, readPassword } = await import('../core/platform/password.ts')
    const { randomBytes } = await import('node:crypto')
    const { 'password-file': file } = this.flags as { 'password-file'?: string }
    if (options.twice && file !== undefined && makePasswordFile(file, { randomBytes }))
      this.progress(`Made ${file} with a random password; only this user may read it.`)
    const ask = () => this.askHidden(question, '--password-file')
    const prompt = async () => {
      const first = await ask()
      if (options.twice && first !== (await this.askHidden('The same again', '--password-file')))
        throw keyErrors.PASSWORD_MISMATCH()
      return first
    }
    const password = await readPassword({ file, credential: 'kaisar-password' }, { env: process.env, prompt })
    this.redactor.add(password)
    return password
  }

  /** Asks for a secret that is not shown while it is typed. */
  protected async askHidden(question: string, flag: string): Promise<string> {
    this.requirePrompt(question, flag)
    const { isCancel, password } = await import('@clack/prompts')
    const answer = await password({ message: question, output: process.stderr })
    if (isCancel(answer)) throw platformErrors.INTERRUPTED()
    return answer
  }

  /** The key named by --key, or that of --signer-url. */
  protected operatorKey(): Promise<OperatorKey> {
    return (this.flags as KeyFlags)['signer-url'] === undefined ? this.unlockKey() : this.remoteSigner()
  }

  /** What a daemon asks has to be answered while a round runs; elsewhere a person may have to approve it first. */
  private remoteSigner(): Promise<RemoteSigner> {
    const { 'signer-url': url = '', 'signer-address': address } = this.flags as KeyFlags
    const { streaming } = this.ctor as typeof BaseCommand
    this.redactor.addUrl(url)
    const timeoutMs = streaming ? 10_000 : 120_000
    this.remote ??= import('../core/platform/remote-signer.ts').then(({ connectRemoteSigner }) =>
      connectRemoteSigner({ url, address, timeoutMs }),
    )
    return this.remote
  }

  /**
   * Opens the key named by --key, once; from then on the logger removes it wherever it appears.
   *
   * @throws SIGNER_KEY_NEEDED where --signer-url is given
   */
  protected unlockKey(): Promise<UnlockedKey> {
    this.unlocked ??= this.decryptKey()
    return this.unlocked
  }

  private async decryptKey(): Promise<UnlockedKey> {
    if ((this.flags as KeyFlags)['signer-url'] !== undefined)
      throw signerErrors.SIGNER_KEY_NEEDED({ command: ['kaisar', ...this.words].join(' ') })
    const { decryptKeystore } = await import('../core/platform/keystore.ts')
    const { path, keystore } = await this.readKey()
    const unlocked = await decryptKeystore(keystore, await this.readPassword(`Password of ${path}`), path)
    this.redactor.add(unlocked.privateKey)
    return unlocked
  }

  /** The address of that key, in lower case; the password is only asked for where the file does not state it. */
  protected async keyAddress(): Promise<`0x${string}`> {
    if ((this.flags as KeyFlags)['signer-url'] !== undefined) return (await this.remoteSigner()).address
    const { keystoreAddress } = await import('../core/platform/keystore.ts')
    const { keystore } = await this.readKey()
    const address = keystoreAddress(keystore) ?? (await this.unlockKey()).address
    return address.toLowerCase() as `0x${string}`
  }

  /** Works while no other process has the folder. @throws DATA_DIR_LOCKED, DATA_DIR_UNWRITABLE */
  protected async alone<R>(path: string, work: () => Promise<R>): Promise<R> {
    const { lockDataDir } = await import('../core/daemon/data-dir-lock.ts')
    const lock = lockDataDir({ path, owner: ['kaisar', ...this.words].join(' ') })
    try {
      return await work()
    } finally {
      lock.release()
    }
  }

  private async readKey() {
    const { key = 'operator' } = this.flags as KeyFlags
    const { keyFile, readKeystore } = await import('../core/platform/key-folder.ts')
    const path = keyFile(this.dataDir, key)
    return { path, keystore: readKeystore(path) }
  }

  /**
   * For long runs: aborted by the first SIGINT or SIGTERM, after which the run drains and returns (exit code 0). The second
   * signal, or a drain of more than 30 s, ends the process at once with 130.
   */
  protected stopSignal(): AbortSignal {
    if (this.stop === undefined) process.on('uncaughtException', this.endNow)
    this.stop ??= createGracefulStop({}, { signals: process, exitNow })
    return this.stop.signal
  }

  /** What nobody awaits would leave half a daemon running, or end it with a bare stack. */
  private readonly endNow = (error: Error): void => {
    this.report(error)
    process.exit(this.explain(error).exit)
  }

  /** Kept for the envelope, and shown at once in text mode. */
  override warn(input: Error | string): Error | string {
    const message = typeof input === 'string' ? input : input.message
    this.warnings.push(message)
    if (!this.jsonEnabled())
      process.stderr.write(`${styleText('yellow', 'Warning', { stream: process.stderr })} ${message}\n`)
    return input
  }

  protected override toSuccessJson(result: unknown): unknown {
    return this.lastLine(successEnvelope(result, this.warnings))
  }

  protected override toErrorJson(error: unknown): unknown {
    return this.lastLine(failureEnvelope(this.explain(error), this.warnings, this.failureData))
  }

  private lastLine(envelope: Envelope): unknown {
    const { streaming } = this.ctor as typeof BaseCommand
    return streaming ? { time: new Date().toISOString(), type: 'result', ...envelope } : envelope
  }

  protected override logJson(json: unknown): void {
    process.stdout.write(`${this.redactor.result(stringifyJson(json))}\n`)
  }

  /** Same exit code in text and JSON; the text is ours, so oclif is only told to exit. */
  protected override async catch(error: Error): Promise<never> {
    if (error instanceof ExitError) throw error
    this.report(error)
    throw new ExitError(this.explain(error).exit)
  }

  private report(error: Error): void {
    if (this.jsonEnabled()) this.logJson(this.toErrorJson(error))
    else writeError(this.explain(error), this.redactor.text)
    const { 'log-level': level } = (this.flags ?? {}) as { 'log-level'?: LogLevel }
    if ((level === 'debug' || level === 'trace') && error.stack)
      process.stderr.write(`${this.redactor.text(error.stack)}\n`)
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.stop?.dispose()
    process.off('uncaughtException', this.endNow)
    // An open socket would keep the process.
    for (const chain of this.chains) chain.close()
    await super.finally(error)
  }

  private explain(error: unknown): KaisarError {
    return toKaisarError(error, ['json', ...flagNames(this.ctor)])
  }
}

function exitNow(reason: 'second-signal' | 'drain-timeout'): void {
  if (reason === 'drain-timeout') process.stderr.write('Not everything could be finished in time.\n')
  process.exit(130)
}
