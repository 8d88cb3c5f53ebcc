/**
 * The chain's clock in a simulation: a second a block, and none while a process that fell is being brought back. A devnet counts
 * its phases in seconds, where production has half hours; how long a process takes to start must not decide what is tested.
 */
export type ChainClock = {
  /** No block until {@link ChainClock.release} was called as often, or the patience is over. */
  hold(): Promise<void>
  release(): Promise<void>
  /** Blocks are mined again, whoever is missing. */
  stop(): Promise<void>
}

export type ChainClockOptions = {
  /** A process may need a block to get ready; then the chain goes on without it. */
  readonly patienceMs: number
}

/** @param rpc - of an anvil that mines a block a second */
export async function createChainClock(
  { patienceMs }: ChainClockOptions,
  rpc: (method: string, params: readonly unknown[]) => Promise<unknown>,
): Promise<ChainClock> {
  await rpc('anvil_setBlockTimestampInterval', [1])
  let held = 0
  let impatience: NodeJS.Timeout | undefined
  let turn: Promise<unknown> = Promise.resolve()
  const mineEvery = (seconds: number) => {
    turn = turn.then(() => rpc('evm_setIntervalMining', [seconds]))
    return turn as Promise<void>
  }
  const goOn = () => {
    clearTimeout(impatience)
    return mineEvery(1)
  }
  return {
    hold() {
      clearTimeout(impatience)
      impatience = setTimeout(goOn, patienceMs)
      return held++ === 0 ? mineEvery(0) : Promise.resolve()
    },
    release: () => (--held === 0 ? goOn() : Promise.resolve()),
    stop: goOn,
  }
}
