/** A Checker on this machine: the real engine, certificate, evidence folder and sockets put into `run-checker.ts`. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Hex } from 'viem'
import type { OpenDaemon } from '../daemon/open-daemon.ts'
import {
  dialsPrivate,
  openCertificate,
  openTransport,
  type PeerPortOptions,
  requirePublicEndpoint,
} from '../daemon/peer-port.ts'
import { createKeeper } from '../epoch/settlement.ts'
import type { ExecutionProvider } from '../job/execution-provider.ts'
import type { KindEngine } from '../job/round-kind.ts'
import { createWorkEngine } from '../job/work-engine.ts'
import { crashPoint } from '../platform/crash-point.ts'
import { getContent } from '../transport/get-content.ts'
import { createPeerChecks } from './check-peers.ts'
import type { CheckerObserver } from './checker-metrics.ts'
import { createRecordPolicy } from './record-policy.ts'
import { createEvidenceStore } from './round/record.ts'
import { type CheckerDependencies, type CheckerOptions, runChecker } from './run-checker.ts'
import { deriveSeatSecrets } from './seat-secrets.ts'

export type StartCheckerOptions = OpenDaemon &
  PeerPortOptions &
  Omit<CheckerOptions, 'network' | 'drainMs'> & {
    readonly privateKey: Hex
    readonly executionProvider: ExecutionProvider | 'auto'
    readonly threads: number
    /** Whether it calls the permissionless functions that move epochs on. */
    readonly keeper: boolean
  }

/** Runs until the signal aborts. @throws as {@link runChecker} */
export async function startChecker(
  options: StartCheckerOptions,
  {
    observer,
    ...telling
  }: Pick<CheckerDependencies, 'log' | 'clock' | 'emit'> & { readonly observer?: CheckerObserver },
  stop: AbortSignal,
): Promise<void> {
  const { log, clock, emit } = telling
  const { folder, privateKey, network, signer, sender, store, executionProvider, threads } = options
  if (!dialsPrivate(options)) requirePublicEndpoint(options)
  const binding = { role: 'checker', operator: signer.address, deviceIds: [], hardwareHash: null } as const
  const identity = await openCertificate({ file: join(folder, 'certificate.pem'), binding }, clock)
  const keeper = createKeeper(
    {},
    {
      network,
      sender,
      onTrouble: (step, error) => log.warn({ error, step }, 'a settlement step failed; trying again'),
    },
  )
  const timed = <P>(kind: KindEngine<P>): KindEngine<P> => ({
    ...kind,
    async verify(request) {
      const startMs = clock.monotonicMs()
      const answers = await kind.verify(request)
      observer?.verified((clock.monotonicMs() - startMs) / 1000, request.items.length)
      return answers
    },
  })
  const keep = async (pass: () => ReturnType<typeof keeper.seed>) => {
    for (const { key } of options.keeper ? await pass() : []) {
      observer?.settled(key)
      log.info({ key }, 'settling')
    }
  }
  await runChecker(
    options,
    {
      signer,
      secrets: deriveSeatSecrets(privateKey, network, signer.address),
      sender,
      store,
      evidence: createEvidenceStore(store),
      identity,
      transport: openTransport(options, identity),
      startEngine: async (jobs, known, signal) => {
        const engine = await createWorkEngine(
          {
            ...{ jobs, threads, witnesses: true, provider: known?.provider ?? executionProvider },
            ...(known && { form: known.form }),
          },
          { ownProcess: true, signal },
        )
        const kinds = Object.entries(engine.kinds).map(([name, kind]) => [name, timed(kind)])
        return { ...engine, kinds: Object.fromEntries(kinds) }
      },
      policy: known => createRecordPolicy(network, known),
      seed: (head, readEpoch) => keep(() => keeper.seed(head, readEpoch)),
      settle: (gather, head, readEpoch) => keep(() => keeper.pass(gather, head, readEpoch)),
      checkPeers: (epochs, now) =>
        createPeerChecks({
          ...{ network, self: signer.address, epochs, log, emit, now },
          get: request => getContent({ ...request, publicOnly: !dialsPrivate(options) }),
          randomBytes: size => new Uint8Array(randomBytes(size)),
        }),
      ...telling,
      randomBytes: size => new Uint8Array(randomBytes(size)),
      crashPoint,
      ...(observer && { onListening: observer.listening }),
    },
    stop,
  )
}
