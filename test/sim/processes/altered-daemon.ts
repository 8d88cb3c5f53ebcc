/**
 * The real daemons, altered: a Checker that always lies about what it saw, a Provider that computes other rows than it was asked for,
 * a host whose clock is wrong. Started by a devnet in place of `kaisar`, with the same arguments; the variable says what is altered.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openDaemon } from '../../../src/commands/open-daemon.ts'
import { connectNetwork } from '../../../src/core/chain/network.ts'
import { checkerMigrations } from '../../../src/core/checker/journal.ts'
import { startChecker } from '../../../src/core/checker/start-checker.ts'
import { createWorkEngine } from '../../../src/core/job/work-engine.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { chooseContext } from '../../../src/core/platform/context.ts'
import { readKeystore } from '../../../src/core/platform/key-folder.ts'
import { decryptKeystore } from '../../../src/core/platform/keystore.ts'
import { silentLogger } from '../../../src/core/platform/log.ts'
import { stringifyJson } from '../../../src/core/platform/output.ts'
import { providerMigrations } from '../../../src/core/provider/journal.ts'
import { startProvider } from '../../../src/core/provider/start-provider.ts'
import { type Alteration, cheating, lying, skewOf } from '../alteration.ts'

const text = { type: 'string' } as const
const options = { 'data-dir': text, context: text, 'rpc-url': text, payout: text }
const { positionals, values } = parseArgs({ allowPositionals: true, strict: false, options })
const role = positionals[0] as 'provider' | 'checker'
const word = (name: string) => values[name] as string
const alteration = process.env.KAISAR_SIM_ALTERATION as Alteration
const clock = { ...systemClock, now: () => systemClock.now() + skewOf(alteration) }
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())

const dataDir = word('data-dir')
const context = chooseContext(process.env.KAISAR_CONTEXT_HOME!, word('context'))!
const keyFile = join(dataDir, 'keys', 'operator.json')
const daemon = await openDaemon(
  {
    role,
    dataDir,
    target: { ...context, codeHashes: context.codeHashes, rpcUrls: [word('rpc-url')], context },
    migrations: role === 'checker' ? checkerMigrations : providerMigrations,
    sending: { confirmations: 1 },
  },
  {
    unlockKey: () => decryptKeystore(readKeystore(keyFile), 'devnet', keyFile),
    connectNetwork: target => connectNetwork(target, { rpcUrls: target.rpcUrls }),
    log: silentLogger,
    clock,
  },
)
const base = { ...daemon, payout: word('payout') as `0x${string}`, executionProvider: 'cpu', threads: 1 } as const
const tools = {
  log: silentLogger,
  clock,
  emit: ({ type, ...fields }: { readonly type: string }) => {
    process.stdout.write(`${stringifyJson({ time: new Date().toISOString(), type, ...fields })}\n`)
  },
}
if (role === 'checker')
  await startChecker(
    {
      ...base,
      store: alteration === 'lies' ? lying(daemon.store) : daemon.store,
      seats: 1,
      listen: { host: '127.0.0.1', port: 0 },
      publicUrl: null,
      maxConnections: null,
      keeper: true,
    },
    tools,
    stop.signal,
  )
else
  await startProvider(
    { ...base, attest: false, version: '0.1.0' },
    {
      ...tools,
      async createEngine(options, dependencies) {
        const engine = await createWorkEngine(options, dependencies)
        return alteration === 'cheats' ? cheating(engine) : engine
      },
    },
    stop.signal,
  )
await daemon.close()
process.exit(0)
