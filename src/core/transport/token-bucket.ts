export type TokenBucket = ReturnType<typeof createTokenBucket>

/** A rate limit: `burst` tokens, refilled at `perSecond`. `now` is in milliseconds. */
export function createTokenBucket(
  { perSecond, burst }: { readonly perSecond: number; readonly burst: number },
  now: () => number,
) {
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
    /** Whether the bucket has refilled: its owner can be forgotten. */
    get full(): boolean {
      refill()
      return tokens >= burst
    },
  }
}
