/**
 * The chain's clock in a simulation: a second a block, and none while a process that fell is being brought back, while a Provider is
 * not ready for the rounds of its epoch, or while one that runs has not come to look at the last block. A devnet counts its phases in
 * seconds, where production has half hours; how long a process takes to start, and how busy the machine is, must not decide what is
 * tested. A round is over first: its windows are real time, and it goes on without who fell in it.
 */
export type ChainClock = {
  /** No block from the end of a round that is open, until {@link ChainClock.release} was called as often, or patience is over. */
  hold(): void
  release(): void
  /** Blocks are mined again, whoever is missing. */
  stop(): Promise<void>
}

export type ChainClockOptions = {
  /** A process may need a block to get ready; then the chain goes on without it. */
  readonly patienceMs: number
  /** Whether nobody is waited for who is to take part in the rounds that the next blocks may begin. Asked after {@link isRoundOpen}. */
  readonly isReady: () => boolean
  /** Whether a round is open at the head. */
  readonly isRoundOpen: () => Promise<boolean>
  /** Whether everybody who runs has had its turn since a block was mined. */
  readonly hasBeenSeen: () => boolean
  readonly onBlock: () => void
}

const blockMs = 1_000
/** Of a block that is not looked at: who stands still on purpose must not stop the chain. */
const mostBlockMs = 4_000

/** @param rpc - of an anvil that mines a block a second */
export async function createChainClock(
  { patienceMs, isRoundOpen, isReady, hasBeenSeen, onBlock }: ChainClockOptions,
  rpc: (method: string, params: readonly unknown[]) => Promise<unknown>,
): Promise<ChainClock> {
  await rpc('anvil_setBlockTimestampInterval', [1])
  await rpc('evm_setIntervalMining', [0])
  let held = 0
  let stopped = false
  let patientUntilMs = 0
  let minedAtMs = performance.now()

  async function isDue() {
    const sinceMs = performance.now() - minedAtMs
    if (sinceMs < blockMs) return false
    if (await isRoundOpen()) return true
    const isHeld = held > 0 && performance.now() < patientUntilMs
    return !isHeld && isReady() && (sinceMs > mostBlockMs || hasBeenSeen())
  }
  const turns = (async () => {
    while (!stopped) {
      try {
        if (await isDue()) {
          // Late blocks are not caught up on.
          minedAtMs = Math.max(minedAtMs + blockMs, performance.now() - blockMs / 2)
          await rpc('evm_mine', [])
          onBlock()
        }
      } catch {
        // A chain that does not answer in time on a busy machine is asked again.
      }
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await rpc('evm_setIntervalMining', [1])
  })()
  turns.catch(() => undefined)
  return {
    hold() {
      held++
      patientUntilMs = performance.now() + patienceMs
    },
    release() {
      held--
    },
    stop() {
      stopped = true
      return turns
    },
  }
}
