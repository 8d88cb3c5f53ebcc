export type TokenBucket = ReturnType<typeof createTokenBucket>

type Rate = { readonly perSecond: number; readonly burst: number }

/** A rate limit: `burst` tokens, refilled at `perSecond`. `now` is in milliseconds. */
export function createTokenBucket({ perSecond: given, burst }: Rate, now: () => number) {
  let perSecond = given
  let tokens = burst
  let refilledAt = now()

  const refill = () => {
    const at = now()
    // A clock that was set back must not remove tokens.
    tokens = Math.min(burst, tokens + (Math.max(0, at - refilledAt) / 1000) * perSecond)
    refilledAt = at
  }

  return {
    /** Takes `cost` tokens and returns true; where there are fewer it takes nothing and returns false. */
    take(cost: number = 1): boolean {
      refill()
      if (tokens < cost) return false
      tokens -= cost
      return true
    },
    /** Puts one back. */
    give(): void {
      tokens = Math.min(burst, tokens + 1)
    },
    /** From now on it is refilled at another rate. */
    refillAt(rate: number): void {
      refill()
      perSecond = rate
    },
    /** Whether the bucket has refilled: its owner can be forgotten. */
    get full(): boolean {
      refill()
      return tokens >= burst
    },
  }
}

export type Allowance = ReturnType<typeof createAllowance>

/** What one peer may send: frames at a rate, and some above it that are dropped before it is disconnected. */
export function createAllowance({ perSecond, burst }: Rate, now: () => number) {
  const frames = createTokenBucket({ perSecond, burst }, now)
  const patience = createTokenBucket({ perSecond: perSecond / 10, burst }, now)
  let rate = perSecond
  return {
    get perSecond() {
      return rate
    },
    /** A frame that costs `cost` came: whether it is taken, dropped, or one too many. */
    spend: (cost: number): 'taken' | 'dropped' | 'exceeded' => {
      if (frames.take(cost)) return 'taken'
      return patience.take() ? 'dropped' : 'exceeded'
    },
    /** From now on it has this part of the rate, above 0 up to 1. */
    share(part: number): void {
      rate = perSecond * part
      frames.refillAt(rate)
      patience.refillAt(rate / 10)
    },
    /** Whether nothing of it is used up: who it belongs to can be forgotten. */
    get unused(): boolean {
      return frames.full && patience.full
    },
  }
}
