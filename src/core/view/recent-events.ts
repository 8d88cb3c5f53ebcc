/** The last things a daemon said, for a dashboard: its events, and what it logged as a warning or worse. */
import type { EventRow } from './dashboard-views.ts'

export type RecentEvents = {
  /** Newest first. */
  list(): readonly EventRow[]
  tell(level: EventRow['level'], text: string): void
  /** Takes a line of the logger (JSON); what is below a warning is left out. */
  takeLogLine(line: string): void
}

/** @param now - milliseconds since 1970 */
export function createRecentEvents(
  { most = 64 }: { readonly most?: number },
  { now }: { readonly now: () => number },
): RecentEvents {
  let events: EventRow[] = []
  const tell = (level: EventRow['level'], text: string) => {
    const time = new Date(now()).toISOString().slice(11, 19)
    events = [{ time, level, text }, ...events].slice(0, most)
  }
  return {
    list: () => events,
    tell,
    takeLogLine(line) {
      let entry: { level?: string; message?: string; code?: string }
      try {
        entry = JSON.parse(line)
      } catch {
        return
      }
      const level =
        entry.level === 'warn' ? 'warn' : entry.level === 'error' || entry.level === 'fatal' ? 'error' : null
      if (level !== null) tell(level, entry.message ?? entry.code ?? 'something was logged without a word')
    },
  }
}
