/** What a devnet tells of, an event a line. */
export type DevnetEvent = { type: string } & Record<string, unknown>

/** What the seats said of rounds, for whoever has to find out why a device was paid nothing; default those of every device and epoch. */
export const wordsOfSeats = (events: readonly DevnetEvent[], of: { device?: unknown; epoch?: unknown } = {}): string =>
  events
    .filter(({ type, device, epoch }) => {
      const isAsked = device === (of.device ?? device) && epoch === (of.epoch ?? epoch)
      return type === 'check.completed' && isAsked
    })
    .map(({ epoch, device, round, seat, kind, verdict, reason, figures }) =>
      JSON.stringify({ epoch, device, round, seat, kind, verdict, reason, figures }),
    )
    .join('\n')
