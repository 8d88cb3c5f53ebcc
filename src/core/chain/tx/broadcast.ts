/** Gives signed transactions to the chain. */
import type { Hex } from 'viem'
import type { Chain } from '../client.ts'

/** The words in which nodes say that they have a transaction. */
const isHeld = /already (known|imported)/i
/** They have it, or another one of that nonce: what was mined shows on the chain. */
const isSettledElsewhere = /already (known|imported)|nonce too low|underpriced/i

/**
 * Gives a signed transaction to every endpoint, since one that says it took it may have forgotten it. Waits for none once one has it.
 *
 * @param mayBeSettled - whether the nonce may be taken already, so that a refusal for that reason is none
 * @returns null once it is given; else why no endpoint took it, in their order, and nothing where there is none
 */
export async function broadcast(
  chain: Pick<Chain, 'usable'>,
  raw: Hex,
  { mayBeSettled }: { readonly mayBeSettled: boolean },
): Promise<readonly Error[] | null> {
  const isTaken = mayBeSettled ? isSettledElsewhere : isHeld
  const given = chain.usable().map(async endpoint => {
    try {
      await endpoint.request({ method: 'eth_sendRawTransaction', params: [raw] })
    } catch (error) {
      if (!isTaken.test((error as Error).message)) throw error
    }
  })
  return Promise.any(given).then(
    () => null,
    ({ errors }: AggregateError) => errors as readonly Error[],
  )
}
