/** A thread or process that owns ONNX Runtime and a {@link WorkCore}; see work-engine.ts for the other side. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { describeError } from '../platform/errors.ts'
import type { WindowOptions } from './round-kind.ts'
import { threadClock } from './thread-clock.ts'
import { createWorkCore, type WorkCore, type WorkOptions } from './work-core.ts'
import type { WorkAnswer, WorkCall, WorkReply } from './work-engine.ts'

const host = parentPort === null ? ofProcess() : ofThread(parentPort)
const cancellations = new Map<number, AbortController>()

const answer = async (id: number, work: () => Promise<unknown>): Promise<void> => {
  let reply: WorkReply
  try {
    reply = { id, failed: false, result: await work() }
  } catch (error) {
    reply = { id, failed: true, error: describeError(error) }
  }
  host.post(reply)
}

let core: WorkCore | undefined
host.onCall(({ id, kind, method, argument }) => {
  if (method === 'cancel') return cancellations.get(argument as number)?.abort()
  if (method === 'close') {
    void answer(id, async () => {
      for (const cancellation of cancellations.values()) cancellation.abort()
      await core?.close()
    }).then(host.close)
    return
  }
  if (kind === undefined) return void answer(id, () => core!.prepare(argument as never))
  const engine = core!.kinds[kind]!
  if (method !== 'runWindow') return void answer(id, () => engine[method](argument as never))
  const cancellation = new AbortController()
  cancellations.set(id, cancellation)
  const options: WindowOptions = {
    signal: cancellation.signal,
    onMark: (index, mark) => host.post({ id, index, mark }),
  }
  void answer(id, () => engine.runWindow(argument as never, options)).finally(() => cancellations.delete(id))
})

const start = new AbortController()
cancellations.set(0, start)
await answer(0, async () => {
  core = await createWorkCore(host.options, { clock: threadClock, signal: start.signal })
  return core.description
})

type Host = {
  readonly options: WorkOptions
  post(answer: WorkAnswer): void
  onCall(take: (call: WorkCall) => void): void
  close(): void
}

function ofThread(port: MessagePort): Host {
  return {
    options: workerData as WorkOptions,
    post: answer => port.postMessage(answer),
    onCall: take => void port.on('message', take),
    close: () => port.close(),
  }
}

function ofProcess(): Host {
  // A signal to the whole group means the daemon, which ends us once it has judged what is open; without it there is nothing to do.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
  // Killed rather than exited: what runs at an exit can wait for ever for a thread of ONNX Runtime, and whoever holds our stderr waits with it.
  const end = () => process.kill(process.pid, 'SIGKILL')
  process.once('disconnect', end)
  if (!process.connected) end()
  return {
    options: JSON.parse(process.argv[2]!) as WorkOptions,
    post: answer => void (process.connected && process.send!(answer)),
    onCall: take => void process.on('message', call => take(call as WorkCall)),
    close: () => process.disconnect(),
  }
}
