/** Repeats an assertion until it holds; fails with its last error after `timeoutMs`. Waits for what happens, never for luck. */
export async function eventually<T>(assertion: () => T | Promise<T>, timeoutMs = 10_000, everyMs = 20): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return await assertion()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise(resolve => setTimeout(resolve, everyMs))
    }
  }
}
