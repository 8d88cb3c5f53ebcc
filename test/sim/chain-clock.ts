/**
 * The chain's clock in a simulation: a second a block, and none while a process that fell is being brought back. A devnet counts
 * its phases in seconds, where production has half hours; how long a process takes to start must not decide what is tested. A round
 * is over first: its windows are real time, and it goes on without who fell in it.
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
  /** Whether a round may be open at this block time. */
  readonly isRoundOpen: (timestamp: number) => boolean
}

/** @param rpc - of an anvil that mines a block a second */
export async function createChainClock(
  { patienceMs, isRoundOpen }: ChainClockOptions,
  rpc: (method: string, params: readonly unknown[]) => Promise<unknown>,
): Promise<ChainClock> {
  await rpc('anvil_setBlockTimestampInterval', [1])
  let held = 0
  let isMining = true
  let stopped = false
  let patientUntilMs = 0

  async function adjust() {
    const { timestamp } = (await rpc('eth_getBlockByNumber', ['latest', false])) as { timestamp: string }
    const isPatient = performance.now() < patientUntilMs
    const mines = stopped || held === 0 || !isPatient || isRoundOpen(Number(timestamp))
    if (mines === isMining) return
    await rpc('evm_setIntervalMining', [mines ? 1 : 0])
    isMining = mines
  }
  const turns = (async () => {
    while (!stopped) {
      await adjust()
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    await adjust()
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
