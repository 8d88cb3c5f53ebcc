/** A change waits for a part of what there is to try; `npm run test:deep -- tiers` tries all of it. */
export const isFull = process.env.KAISAR_FULL_RUNS !== undefined

/** How often a property is tried. */
export const runs = (full: number): number => (isFull ? full : Math.ceil(full / 5))
