/** What a card gave back, and how much of it is still held when nobody has any of it. Of a process with `--expose-gc`. */
export type Held = { readonly given: number; readonly held: number }

export async function heldAfter(runs: number, run: () => Promise<Uint8Array>): Promise<Held> {
  await run()
  const before = bytesHeld()
  let given = 0
  for (let i = 0; i < runs; i++) given += (await run()).length
  return { given, held: (await settled()) - before }
}

const bytesHeld = () => {
  globalThis.gc!()
  return process.memoryUsage().arrayBuffers
}

/** Buffers of arrays are given back behind the collection. */
async function settled() {
  for (let i = 0; i < 3; i++) {
    bytesHeld()
    await new Promise(resolve => setImmediate(resolve))
  }
  return bytesHeld()
}
