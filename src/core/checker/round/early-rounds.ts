import type { RoundEvent } from '../../chain/rounds.ts'

type EventOfRound = Exclude<RoundEvent, { type: 'epoch' }>

/** Events of rounds whose epoch is still being read: none is lost, whatever fails while they are taken up. */
export type EarlyRounds = {
  keep(event: EventOfRound): void
  /** Hands over the events of an epoch in order; from the first that fails on they stay. */
  take(epoch: number, handle: (event: EventOfRound) => Promise<void>): Promise<void>
  forgetBefore(epoch: number): void
}

export function createEarlyRounds(): EarlyRounds {
  let events: EventOfRound[] = []
  return {
    keep(event) {
      events.push(event)
    },
    async take(epoch, handle) {
      for (const event of events.filter(({ round }) => round.epoch === epoch)) {
        await handle(event)
        events = events.filter(other => other !== event)
      }
    },
    forgetBefore(epoch) {
      events = events.filter(({ round }) => round.epoch >= epoch)
    },
  }
}
