/**
 * Waits for what is asked of several endpoints, but not for one that is silent once more than half of all have said the same.
 *
 * @param keyOf - equal for answers that are the same
 * @returns what more than half of all said, undefined where there is no such thing, and every answer that came until then, in the order asked
 */
export function untilMost<T>(
  asked: readonly Promise<T>[],
  keyOf: (answer: T) => unknown,
): Promise<{ readonly most: T | undefined; readonly answers: readonly T[] }> {
  const came = new Map<number, { readonly answer: T; readonly key: unknown }>()
  let settled = 0
  return new Promise(resolve => {
    const end = (most: T | undefined) =>
      resolve({ most, answers: [...came].sort(([a], [b]) => a - b).map(([, { answer }]) => answer) })
    const endWhereAll = () => {
      if (settled === asked.length) end(undefined)
    }
    endWhereAll()
    for (const [i, each] of asked.entries())
      each.then(
        answer => {
          settled++
          const key = keyOf(answer)
          came.set(i, { answer, key })
          if (2 * [...came.values()].filter(other => other.key === key).length > asked.length) end(answer)
          else endWhereAll()
        },
        () => {
          settled++
          endWhereAll()
        },
      )
  })
}
