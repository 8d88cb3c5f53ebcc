/** The real work core, shared by every host of a simulation: real models and rows, at a speed that the simulation decides. */
import { tensorSpecs } from '../../../src/core/job/tensor/tensor-spec.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import type { VirtualHost } from './virtual-time.ts'

export type VirtualEngines = {
  /** An engine of this host that takes `rowMs` of virtual time for a row of a window; to prepare, open and verify takes none. */
  engineOf(host: VirtualHost, rowMs?: number): WorkEngine
  close(): Promise<void>
}

/** Windows that can be opened, of all hosts together. */
const keepWindows = 32

export async function createVirtualEngines(): Promise<VirtualEngines> {
  const core = await createCountedEngine({
    spec: tensorSpecs.devnet,
    provider: 'cpu',
    threads: 1,
    keepWindows,
    witnesses: true,
  })
  return {
    engineOf: (host, rowMs = 1) => ({
      description: core.description,
      prepare: epochSeed => host.exclusive(() => core.prepare(epochSeed)),
      async runWindow({ startedAtMs = host.clock.monotonicMs(), ...request }) {
        const endsAtMs = startedAtMs + (request.durationMs ?? tensorSpecs.devnet.windowMs)
        const worked = await host.exclusive(() => {
          core.setRowMs(rowMs)
          return core.runWindow({ ...request, durationMs: endsAtMs - host.clock.monotonicMs() })
        })
        await host.clock.sleep(endsAtMs - host.clock.monotonicMs())
        return worked
      },
      rework: request => host.exclusive(() => core.rework(request)),
      open: request => host.exclusive(() => core.open(request)),
      verify: request => host.exclusive(() => core.verify(request)),
      release: handle => host.exclusive(() => core.release(handle)),
      close: async () => undefined,
    }),
    close: () => core.close(),
  }
}
