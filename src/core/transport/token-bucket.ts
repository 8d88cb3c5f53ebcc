export type TokenBucket = ReturnType<typeof createTokenBucket>

type Rate = { readonly perSecond: number; readonly burst: number }

/** A rate limit: `burst` tokens, refilled at `perSecond`. `now` is in milliseconds. */
export function createTokenBucket(given: Rate, now: () => number) {
  let { perSecond, burst } = given
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
    /** From now on it has another rate; what is in it stays, as far as it holds that. */
    limit(rate: Rate): void {
      refill()
      ;({ perSecond, burst } = rate)
      tokens = Math.min(burst, tokens)
    },
    /** Whether the bucket has refilled: its owner can be forgotten. */
    get full(): boolean {
      refill()
      return tokens >= burst
    },
  }
}

/** An operator of one device has this burst: what it sends in a round, twice over. */
const leastBurst = 256

export type Allowance = ReturnType<typeof createAllowance>

/**
 * What one peer may send: frames at a rate, and some above it that are dropped before it is disconnected.
 *
 * @param part - of the rate and of the burst, above 0 up to 1, asked at each frame
 */
export function createAllowance(whole: Rate, now: () => number, part: () => number = () => 1) {
  const rateOf = (part: number): Rate => ({
    perSecond: whole.perSecond * part,
    burst: Math.min(whole.burst, Math.max(leastBurst, whole.burst * part)),
  })
  const tenth = ({ perSecond, burst }: Rate): Rate => ({ perSecond: perSecond / 10, burst })
  let lastPart = part()
  let rate = rateOf(lastPart)
  const frames = createTokenBucket(rate, now)
  const patience = createTokenBucket(tenth(rate), now)

  function follow() {
    const next = part()
    if (next === lastPart) return
    lastPart = next
    rate = rateOf(next)
    frames.limit(rate)
    patience.limit(tenth(rate))
  }

  return {
    get perSecond() {
      return rate.perSecond
    },
    /** A frame that costs `cost` came: whether it is taken, dropped, or one too many. */
    spend(cost: number): 'taken' | 'dropped' | 'exceeded' {
      follow()
      if (frames.take(cost)) return 'taken'
      return patience.take() ? 'dropped' : 'exceeded'
    },
    /** Whether nothing of it is used up: who it belongs to can be forgotten. */
    get unused(): boolean {
      return frames.full && patience.full
    },
  }
}
