/**
 * Where a work engine runs: in a thread, which starts faster and takes less, or in a process of its own. What ONNX Runtime has
 * allocated stays with the process when its thread ends; a process that ends gives everything back. Why: docs/why/daemons-and-operators.md
 */
import { Worker } from 'node:worker_threads'
import { execaNode } from 'execa'
import { ownFile } from '../platform/own-files.ts'
import type { WorkOptions } from './work-core.ts'
import type { WorkAnswer, WorkCall } from './work-engine.ts'

export type EngineHost = {
  post(call: WorkCall): void
  onAnswer(take: (answer: WorkAnswer) => void): void
  /** Told once, when it has ended. */
  onEnd(take: (reason: string, cause?: unknown) => void): void
}

const script = () => ownFile('core/job/work-worker')

export function startThread(options: WorkOptions): EngineHost {
  const worker = new Worker(script(), { workerData: options })
  let failure: Error | undefined
  worker.on('error', error => {
    failure = error instanceof Error ? error : new Error(String(error))
  })
  return {
    post: call => worker.postMessage(call),
    onAnswer: take => void worker.on('message', take),
    onEnd: take =>
      void worker.on('exit', code => take(failure?.message ?? `its thread ended with code ${code}`, failure)),
  }
}

/** Blocks that glibc gives back to the system when they are freed, and one arena for all threads: it has little else to do. */
const allocator = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' }

export function startProcess(options: WorkOptions): EngineHost {
  const running = execaNode(script(), [JSON.stringify(options)], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'inherit',
    buffer: false,
    env: { ...allocator, ...process.env },
    // It ends itself when its channel closes; a signal is for the daemon alone.
    cleanup: false,
    reject: false,
  })
  const child = running.nodeChildProcess
  return {
    // One that is gone is heard of by its end.
    post: call => void (child.connected && child.send(call, () => undefined)),
    onAnswer: take => void child.on('message', answer => take(answer as WorkAnswer)),
    onEnd: take =>
      void running.then(({ exitCode, signal, originalMessage, cause }) =>
        take(originalMessage ?? `its process ended with ${signal ?? `code ${exitCode}`}`, cause),
      ),
  }
}
