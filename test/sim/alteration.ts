/** What a test alters in a real daemon, so that it lies, cheats, or keeps wrong time. */
import type { WorkEngine } from '../../src/core/job/work-engine.ts'
import type { Store } from '../../src/core/platform/store.ts'

export type Alteration = 'lies' | 'cheats' | 'clock+1h' | 'clock-1h'

const hourMs = 3_600_000
export const skewOf = (alteration: Alteration | undefined): number =>
  alteration === 'clock+1h' ? hourMs : alteration === 'clock-1h' ? -hourMs : 0

/** A Checker's store: whatever was seen, it was wrong. */
export function lying(store: Store): Store {
  return {
    ...store,
    run(sql, ...parameters) {
      if (String(sql).startsWith('INSERT OR REPLACE INTO verdict')) {
        parameters[4] = 'WRONG'
        parameters[5] = 'ROW_WRONG'
        parameters[8] = '{}'
      }
      return store.run(sql, ...parameters)
    },
  }
}

/** A Provider's engine, honest in form: rows, root and openings fit together, but of another model than the epoch's. */
export function cheating(engine: WorkEngine): WorkEngine {
  const otherSeed = `0x${'66'.repeat(32)}` as const
  const { tensor } = engine.kinds
  const cheat: typeof tensor = {
    ...tensor,
    async prepare(request) {
      await tensor.prepare({ epochSeed: otherSeed })
      return tensor.prepare(request)
    },
    runWindow: (request, options) => tensor.runWindow({ ...request, epochSeed: otherSeed }, options),
  }
  return { ...engine, kinds: { ...engine.kinds, tensor: cheat } }
}
