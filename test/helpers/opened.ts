import type { RoundWork } from '../../src/core/provider/round-work.ts'

/** The same work, whose answers are opened whole. */
export const opened = (work: RoundWork) => ({
  ...work,
  answer: async (...asked: Parameters<RoundWork['answer']>): Promise<Uint8Array[]> => {
    const pieces = await work.answer(...asked)
    return Promise.all(pieces.map(open => open()))
  },
})
