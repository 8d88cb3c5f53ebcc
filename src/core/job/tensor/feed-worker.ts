/** The thread that draws rows and hashes digests for a card; see feed.ts for the other side. */
import { parentPort } from 'node:worker_threads'
import { createLeafCollector, type LeafCollector } from './digest-tree.ts'
import type { FeedAnswer, FeedCall } from './feed.ts'
import { rowInput } from './row-input.ts'
import { rowBytes } from './tensor-spec.ts'

let seed = new Uint8Array(32)
let drawn = 0
let collector: LeafCollector = createLeafCollector({ keepBytes: 0 })

const answer = (what: FeedAnswer, bytes: readonly Uint8Array[]) =>
  parentPort!.postMessage(
    what,
    bytes.map(({ buffer }) => buffer as ArrayBuffer),
  )

parentPort!.on('message', (call: FeedCall) => {
  const { window } = call
  if ('begin' in call) {
    seed = Uint8Array.from(call.begin.seed)
    drawn = 0
    collector = createLeafCollector(call.begin)
  } else if ('draw' in call) {
    // A copy of its own: what a cipher gives may share its memory with others.
    const inputs = new Uint8Array(call.draw * rowBytes)
    inputs.set(rowInput(seed, drawn, call.draw))
    drawn += call.draw
    answer({ window, inputs }, [inputs])
  } else if ('append' in call) collector.append(call.append)
  else {
    const { rows, levels } = collector.finish()
    const own = levels.map(level => Uint8Array.from(level))
    answer({ window, rows, levels: own, slabs: collector.slabs }, [...own, ...collector.slabs])
  }
})
