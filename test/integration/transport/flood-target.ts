/** The Checker's endpoint of the flood test, in a process of its own so that its memory can be told apart. */
import { keccak256 } from 'viem'
import { createIdentity } from '../../helpers/identities.ts'
import { hash, provider, serve } from './hosts.ts'

export type FloodTargetMessage =
  | { readonly kind: 'ready'; readonly url: string; readonly certificateHash: `0x${string}` }
  | { readonly kind: 'memory'; readonly baselineBytes: number; readonly peakBytes: number; readonly sessions: number }

const tell = (message: FloodTargetMessage) => process.send?.(message)
const rssBytes = () => process.memoryUsage().rss

let baselineBytes = 0
let peakBytes = 0
const identity = await createIdentity('checker')
const { server } = await serve({
  identity,
  // Fewer than the flood has, all of which may come at once, so that making room is part of the test.
  limits: { maxConnections: 300, strangersPerSecond: 1000 },
  onSession: session =>
    session.on('job.openings', ({ secret }, payload) =>
      session.send('job.openings', {
        commitmentHash: hash('07'),
        secret: secret === hash('00') ? secret : keccak256(payload),
      }),
    ),
  // The chain takes long to say who a stranger is.
  admit: async ({ operator }) =>
    operator === provider.address ? null : new Promise(resolve => setTimeout(resolve, 60_000, 'nobody').unref()),
  onGet: async path =>
    path === '/evidence/0xab' ? { contentType: 'application/json', body: new Uint8Array(100_000) } : null,
})

process.on('message', message => {
  if (message === 'baseline') {
    globalThis.gc?.()
    baselineBytes = peakBytes = rssBytes()
    setInterval(() => {
      peakBytes = Math.max(peakBytes, rssBytes())
    }, 20)
  }
  tell({ kind: 'memory', baselineBytes, peakBytes, sessions: server.sessions().length })
})
process.on('disconnect', () => process.exit(0))
tell({ kind: 'ready', url: server.url, certificateHash: identity.certificateHash })
