/** Worker thread: owns ONNX Runtime and a {@link WorkCore}; see work-engine.ts for the other side. */
import { parentPort, workerData } from 'node:worker_threads'
import { KaisarError } from '../platform/errors.ts'
import { threadClock } from './thread-clock.ts'
import { createWorkCore, type WorkCore, type WorkOptions } from './work-core.ts'
import type { WorkAnswer, WorkCall } from './work-engine.ts'

const port = parentPort!
const cancellations = new Map<number, AbortController>()

const describeError = (error: unknown): Extract<WorkAnswer, { failed: true }>['error'] =>
  error instanceof KaisarError
    ? {
        message: error.message,
        code: error.code,
        meaning: error.meaning,
        fix: error.fix,
        exit: error.exit,
        context: { ...error.context },
      }
    : { message: error instanceof Error ? error.message : String(error) }

const answer = async (id: number, work: () => Promise<unknown>): Promise<void> => {
  let reply: WorkAnswer
  try {
    reply = { id, failed: false, result: await work() }
  } catch (error) {
    reply = { id, failed: true, error: describeError(error) }
  }
  port.postMessage(reply)
}

let core: WorkCore | undefined
await answer(0, async () => {
  core = await createWorkCore(workerData as WorkOptions, { clock: threadClock })
  return core.description
})

port.on('message', ({ id, method, argument }: WorkCall) => {
  if (method === 'cancel') return cancellations.get(argument as number)?.abort()
  if (method === 'close') {
    void answer(id, async () => {
      for (const cancellation of cancellations.values()) cancellation.abort()
      await core?.close()
    }).then(() => port.close())
    return
  }
  const cancellation = new AbortController()
  cancellations.set(id, cancellation)
  void answer(id, () => core![method](argument as never, cancellation.signal)).finally(() => cancellations.delete(id))
})
