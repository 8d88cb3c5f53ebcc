/** How a daemon follows its chain: heads, the rounds that they trigger, and one line of log for what could not be read. */
import { createHeadStream, type HeadStream } from '../chain/head-stream.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { createRoundStream, type RoundStream } from '../chain/round-stream.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'

/** Takes an error of the part that is named; what failed is tried again at the next block. */
export type OnTrouble = (where: string) => (error: unknown) => void

export function followChain(
  network: ConnectedNetwork,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): { readonly heads: HeadStream; readonly rounds: RoundStream; readonly onTrouble: OnTrouble } {
  const onTrouble: OnTrouble = where => error => log.warn({ error, where }, 'something failed; trying again')
  const heads = createHeadStream(
    {},
    { chain: network.chain, clock, onTrouble: (endpoint, error) => onTrouble(`heads of ${endpoint}`)(error) },
  )
  return { heads, rounds: createRoundStream({ network, heads, onTrouble: onTrouble('rounds') }), onTrouble }
}
