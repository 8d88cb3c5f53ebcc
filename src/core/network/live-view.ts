import type { KaisarError } from '../platform/errors.ts'
import type { NetworkView } from './network-view.ts'

export type LiveViewOptions = {
  /** A view older than this is read again; default 1000. */
  readonly freshMs?: number
}

export type LiveViewDependencies = {
  readonly read: () => Promise<NetworkView>
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** What is served: the last view that could be read, and why there is no newer one. */
export type Served = { readonly view: NetworkView; readonly trouble: string | null }

/** The view of a network that many look at: read once for all of them, and only while somebody looks. */
export type LiveView = ReturnType<typeof createLiveView>

export function createLiveView({ freshMs = 1_000 }: LiveViewOptions, { read, now }: LiveViewDependencies) {
  let served: Served | null = null
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<Served> | null = null
  let timer: NodeJS.Timeout | null = null
  const watchers = new Set<(served: Served) => void>()

  async function refresh(): Promise<Served> {
    const before = served
    try {
      served = { view: await read(), trouble: null }
    } catch (error) {
      if (served === null) throw error
      served = { view: served.view, trouble: (error as KaisarError).message }
    } finally {
      readAt = now()
      reading = null
    }
    const isSame = before?.view.head.hash === served.view.head.hash && before.trouble === served.trouble
    if (!isSame) for (const watcher of watchers) watcher(served)
    return served
  }

  const get = async (): Promise<Served> => {
    if (served !== null && now() - readAt < freshMs) return served
    reading ??= refresh()
    return reading
  }

  function schedule() {
    timer = setTimeout(async () => {
      await get().catch(() => {})
      if (watchers.size > 0 && timer !== null) schedule()
      else timer = null
    }, freshMs)
  }

  return {
    /** @throws what reading threw, where no view was ever read */
    get,
    /** Calls back after a read that found another head; returns how to stop. The first listener starts the reading. */
    watch(onChange: (served: Served) => void): () => void {
      watchers.add(onChange)
      if (timer === null) schedule()
      return () => watchers.delete(onChange)
    },
    close(): void {
      watchers.clear()
      if (timer !== null) clearTimeout(timer)
      timer = null
    },
  }
}
