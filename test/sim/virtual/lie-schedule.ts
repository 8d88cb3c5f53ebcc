/** Which lie the endpoint of a host tells when. Many tell theirs in vain: an endpoint that was found out is not asked for a while. */
import type { Lie } from '../../helpers/lying-endpoint.ts'

export type LieSchedule = {
  /** The lie of this host now. */
  of(host: string, nowMs: number): Lie
  /** Somebody was really told it. */
  told(lie: string): void
}

/**
 * Every second lie of a host is one that nobody was told yet, as long as there is one, so that every lie is told whatever the seed; the
 * others come in an order of the host's own.
 * @param lieMs - how long a lie lasts
 */
export function createLieSchedule(lies: readonly Lie[], lieMs: number, random: () => number): LieSchedule {
  const untold = new Set<string>(lies)
  const hosts = new Map<string, { readonly place: number; readonly order: readonly Lie[]; turn: number; lie: Lie }>()
  return {
    of(name, nowMs) {
      const turn = Math.floor(nowMs / lieMs)
      const host = hosts.get(name) ?? { place: hosts.size, order: shuffled(lies, random), turn: -1, lie: lies[0]! }
      hosts.set(name, host)
      if (host.turn !== turn) {
        const left = lies.filter(lie => untold.has(lie))
        const isOwed = turn % 2 === 0 && left.length > 0
        // Each host comes to each of them: not every one of them can tell them all.
        host.lie = isOwed ? left[(host.place + turn / 2) % left.length]! : host.order[turn % lies.length]!
        host.turn = turn
      }
      return host.lie
    },
    told: lie => void untold.delete(lie),
  }
}

/** In another order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map(item => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
