/**
 * What a kernel is fed with: the rows of a window, drawn, and their digests, hashed into its tree. A card need wait for neither: its
 * feed can have a thread of its own. A CPU's is in the thread that computes, since there are no more cores for it.
 */
import { Worker } from 'node:worker_threads'
import { ownFile } from '../../platform/own-files.ts'
import { jobErrors } from '../errors.ts'
import {
  createLeafCollector,
  type DigestTree,
  digestTree,
  keptChunks,
  keptDigests,
  type LeafCollector,
} from './digest-tree.ts'
import { rowInput } from './row-input.ts'
import { rowBytes } from './tensor-spec.ts'

/** The work of a window: its tree, and what is kept of its digests. */
export type FedRows = { readonly tree: DigestTree; readonly collector: Pick<LeafCollector, 'digests'> }

/** Of one window. */
export type Feed = {
  /** Inputs [count, 32] of the next rows, `batchRows` at most. @throws JOB_WORKER_STOPPED */
  draw(count: number): Uint8Array | Promise<Uint8Array>
  /** Digests of the next rows that count. */
  append(digests: Uint8Array): void
  /** The tree over all that was appended. @throws JOB_WORKER_STOPPED */
  finish(): Promise<FedRows>
  /** The window is over, or given up: nothing more is drawn. */
  end(): void
}

export type FeedOptions = {
  /** Job seed, 32 bytes. */
  readonly seed: Uint8Array
  /** Digests kept for opening; the rest is computed again when asked for. */
  readonly keepBytes: number
  /** Rows of the largest batch. */
  readonly batchRows: number
}

export type Feeds = { open(options: FeedOptions): Feed; close(): Promise<void> }

/** In the thread that calls it. */
export function openFeed({ seed, keepBytes }: Omit<FeedOptions, 'batchRows'>): Feed {
  const collector = createLeafCollector({ keepBytes })
  let drawn = 0
  return {
    draw(count) {
      const first = drawn
      drawn += count
      return rowInput(seed, first, count)
    },
    append: collector.append,
    finish: async () => ({ tree: collector.finish(), collector }),
    end: () => undefined,
  }
}

export const ownThreadFeeds: Feeds = { open: openFeed, close: async () => undefined }

/** To the thread: a new window, whose first rows are wanted; more of them; digests; the end. What is of an older window is over. */
export type FeedCall = { readonly window: number } & (
  | { readonly begin: Pick<FeedOptions, 'seed' | 'keepBytes'> }
  | { readonly draw: number }
  | { readonly append: Uint8Array }
  | { readonly finish: true }
)
export type FeedAnswer = { readonly window: number } & (
  | { readonly inputs: Uint8Array }
  | { readonly rows: number; readonly levels: readonly Uint8Array[]; readonly slabs: readonly Uint8Array[] }
)

/** Batches that are drawn ahead of the kernel. */
const batchesAhead = 3

type Thread = { readonly worker: Worker; take: (answer: FeedAnswer) => void; fail: (error: Error) => void }
const nobody = { take: () => undefined, fail: () => undefined }

/** In a thread of its own, which is started with the first window, and again where it has ended. One window at a time. */
export function createFeedThread(
  start: () => Worker = () => new Worker(ownFile('core/job/tensor/feed-worker')),
): Feeds {
  let thread: Thread | null = null
  let windows = 0

  function startThread(): Thread {
    const own: Thread = { worker: start(), ...nobody }
    let cause: unknown
    own.worker.on('message', answer => own.take(answer as FeedAnswer))
    own.worker.on('error', error => {
      cause = error
    })
    own.worker.on('exit', code => {
      if (thread === own) thread = null
      const reason = cause instanceof Error ? cause.message : `the thread that feeds it ended with code ${code}`
      own.fail(jobErrors.JOB_WORKER_STOPPED({ reason, cause }))
    })
    return own
  }

  return {
    open(options) {
      thread ??= startThread()
      return openThreadFeed(thread, ++windows, options)
    },
    async close() {
      await thread?.worker.terminate()
    },
  }
}

function openThreadFeed(thread: Thread, window: number, { seed, keepBytes, batchRows }: FeedOptions): Feed {
  /** Drawn ahead; of the first one, what lies before `offset` is used. */
  const blocks: Uint8Array[] = []
  let offset = 0
  let failure: Error | null = null
  let finished = false
  /** What the window waits for; `look` resolves it where it is there. */
  let waiting: { look(): void; reject(error: Error): void } | null = null
  let worked: FedRows | null = null

  const post = (call: object, transfer: ArrayBuffer[] = []) => thread.worker.postMessage({ window, ...call }, transfer)
  const draw = () => post({ draw: batchRows })

  thread.take = answer => {
    if (answer.window !== window) return
    if ('inputs' in answer) blocks.push(answer.inputs)
    else {
      const { rows, levels, slabs } = answer
      const digests = (chunk: number) => keptDigests(slabs, keptChunks(keepBytes), rows, chunk)
      worked = { tree: digestTree(rows, levels), collector: { digests } }
    }
    waiting?.look()
  }
  thread.fail = error => {
    failure = error
    waiting?.reject(error)
  }
  post({ begin: { seed, keepBytes } })
  for (let ahead = 0; ahead < batchesAhead; ahead++) draw()

  /** The next bytes, where enough of them are there; as much is drawn in their place. */
  function take(length: number): Uint8Array | null {
    if (blocks.reduce((sum, block) => sum + block.length, -offset) < length) return null
    const bytes = new Uint8Array(length)
    for (let filled = 0; filled < length; ) {
      const part = blocks[0]!.subarray(offset, offset + length - filled)
      bytes.set(part, filled)
      filled += part.length
      offset += part.length
      if (offset < blocks[0]!.length) continue
      blocks.shift()
      offset = 0
      draw()
    }
    return bytes
  }
  const until = <T>(find: () => T | null) =>
    new Promise<T>((resolve, reject) => {
      const look = () => {
        const found = find()
        if (found === null) return
        waiting = null
        resolve(found)
      }
      if (failure !== null) return reject(failure)
      waiting = { look, reject }
      look()
    })

  return {
    draw: count => until(() => take(count * rowBytes)),
    append(digests) {
      // Its own bytes move to the thread; a kernel's stay with the kernel.
      const own = Uint8Array.from(digests)
      if (failure === null) post({ append: own }, [own.buffer])
    },
    finish() {
      finished = true
      if (failure === null) post({ finish: true })
      return until(() => worked)
    },
    end() {
      Object.assign(thread, nobody)
      // The thread forgets what it has of a window that is given up.
      if (!finished && failure === null) post({ begin: { seed, keepBytes: 0 } })
    },
  }
}
