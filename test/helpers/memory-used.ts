import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** What a collection lets go of beside the heap is given back after it, and counted at the next. */
const collections = 4

/** Collects everything that nothing refers to. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < collections; i++) {
    collect()
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Bytes of the heap and of buffers beside it that are in use. */
export async function memoryUsed(): Promise<number> {
  await collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
