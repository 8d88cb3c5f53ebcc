import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { analyseRecording } from '../../../src/core/gpu/analyse-recording.ts'
import { criticalFaults } from '../../../src/core/gpu/gpu-probe.ts'
import { recordingFacts } from './recording-facts.ts'

/** Outputs of real machines, read by hand: what each shows. Not in the repository; tests on them are skipped where absent. */
const folder = fileURLToPath(new URL('../../../../shared/recordings/', import.meta.url))
const recorded = existsSync(folder)
if (!recorded) console.warn('NOTICE: ../shared/recordings is absent; tests on recorded machines are skipped')

describe.skipIf(!recorded)('recordings of real machines (../shared/recordings)', () => {
  it.each(Object.entries(recordingFacts))('%s', async (file, facts) => {
    const result = await analyseRecording(folder + file)
    expect(result.state).toBe(facts.state)
    expect(
      result.devices.map(({ record, state, computeApi }, at) => {
        const seen = {
          model: record.model,
          state,
          kind: record.kind,
          identity: record.identity,
          pci: record.pciBusId,
          pciId: record.pciDeviceId,
          memoryMiB: record.memoryMiB,
          driver: record.driver,
          api: computeApi,
          firmware: record.firmware,
        }
        const wanted = facts.devices[at] ?? {}
        return Object.fromEntries(Object.entries(seen).filter(([key]) => key in wanted))
      }),
    ).toEqual(facts.devices)
    expect(result.faults.map(({ code }) => code)).toEqual(facts.faults ?? [])
    expect(criticalFaults(result).map(({ code }) => code)).toEqual(facts.critical ?? [])
    expect(result.notes.map(({ code }) => code)).toEqual(facts.notes ?? [])
    for (const fault of result.faults)
      for (const sentence of [fault.meaning, fault.fix]) expect(sentence).toMatch(/^[A-Z].{10,}\.$/s)
  })

  it('reads a folder of many machines without mixing them', async () => {
    const result = await analyseRecording(`${folder}nvidia-smi/xml`)
    expect(result.devices.filter(({ record }) => record.kind === 'gpu')).toHaveLength(17)
    expect(new Set(result.devices.map(({ localId }) => localId)).size).toBe(result.devices.length)
  })

  it('names what it cannot read in the folder and goes on', async () => {
    const result = await analyseRecording(folder)
    expect(result.notes.map(({ code }) => code)).toContain('GPU_FILE_IGNORED')
    expect(result.devices.length).toBeGreaterThan(40)
  })
})
