/** The results for all items, in their order, with at most `atOnce` of them being made at a time. */
export async function mapSome<T, R>(
  atOnce: number,
  items: readonly T[],
  change: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const waiting = items.entries()
  const work = async () => {
    for (const [i, item] of waiting) results[i] = await change(item)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}
