/** The real work core, shared by every host of a simulation: real models, memory and work, at a speed that the simulation decides. */
import { byKind, jobSets, ownKinds, specOf } from '../../../src/core/job/jobs.ts'
import type { KindEngine } from '../../../src/core/job/round-kind.ts'
import { createWorkEngine, type WorkEngine } from '../../../src/core/job/work-engine.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import type { VirtualHost } from './virtual-time.ts'

export type VirtualEngines = {
  /** An engine of this host that takes `rowMs` of virtual time for a row of a window; to prepare, open and verify takes none. */
  engineOf(host: VirtualHost, rowMs?: number): WorkEngine
  close(): Promise<void>
}

/**
 * @param hosts - that work: together they keep as many windows as each of them would for itself. Where there is none the core is in a
 *   thread of its own, as a Checker's is in a process: what it leaves to the garbage collector is not the Checker's.
 */
export async function createVirtualEngines(hosts: number): Promise<VirtualEngines> {
  const keepWindows = byKind(kind => ownKinds[kind]!.keptWindows * hosts)
  const jobs = jobSets.devnet
  // A self-test, which chooses a form, takes as long as half an epoch.
  const options = { jobs, provider: 'cpu', form: 'u8', threads: 1, keepWindows, witnesses: true } as const
  const counted = hosts === 0 ? null : await createCountedEngine(options)
  const core = counted ?? (await createWorkEngine(options))

  function kindOf(name: RoundKindName, host: VirtualHost, rowMs: number): KindEngine<never> {
    const kind = core.kinds[name] as KindEngine<never>
    return {
      prepare: request => host.exclusive(() => kind.prepare(request)),
      async runWindow({ startedAtMs = host.clock.monotonicMs(), ...request }, options) {
        const endsAtMs = startedAtMs + (request.durationMs ?? specOf(jobs, name).windowMs)
        const worked = await host.exclusive(() => {
          counted?.setRowMs(rowMs)
          return kind.runWindow({ ...request, durationMs: endsAtMs - host.clock.monotonicMs() }, options)
        })
        await host.clock.sleep(endsAtMs - host.clock.monotonicMs())
        return worked
      },
      rework: request => host.exclusive(() => kind.rework(request)),
      open: request => host.exclusive(() => kind.open(request)),
      verify: request => host.exclusive(() => kind.verify(request)),
      release: handle => host.exclusive(() => kind.release(handle)),
      // What the core holds is of every host.
      free: async () => undefined,
      close: async () => undefined,
    }
  }

  return {
    engineOf: (host, rowMs = 1) => ({
      description: core.description,
      kinds: {
        ...{ tensor: kindOf('tensor', host, rowMs), memory: kindOf('memory', host, rowMs) },
        beat: kindOf('beat', host, rowMs),
      },
      prepare: request => host.exclusive(() => core.prepare(request)),
      close: async () => undefined,
    }),
    close: () => core.close(),
  }
}
