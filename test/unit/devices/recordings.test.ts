import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { analyseRecording } from '../../../src/core/devices/analyse-recording.ts'
import type { ProbeResult } from '../../../src/core/devices/probed-device.ts'

/** Reduced outputs in every form that the tools print, and what each shows (`facts.txt`). */
const folder = fileURLToPath(new URL('../../../fixtures/gpu/', import.meta.url))
const facts = readFileSync(`${folder}facts.txt`, 'utf8')
  .split(/\n(?=\S)/)
  .filter(block => !block.startsWith('#'))
  .map(block => block.trimEnd())

/** As the facts are written. */
const shown = (recording: string, { state, devices, faults, notes }: ProbeResult): string =>
  [
    `${recording}: ${state}`,
    ...devices.map(({ record, state: of, computeApi }) => {
      const said = [record.pciBusId, record.pciDeviceId, record.memoryMiB, record.driver, computeApi]
      return `  ${[of, record.kind, record.model, ...said.map(value => value ?? '-'), record.identity].join(' | ')}`
    }),
    ...faults.map(({ code, critical }) => `  ${critical ? 'critical' : 'fault'} ${code}`),
    ...notes.map(({ code }) => `  note ${code}`),
  ].join('\n')

describe('recorded outputs', () => {
  it.each(facts.map(block => [block.split(':')[0]!, block] as const))('%s', async (recording, fact) => {
    const result = await analyseRecording(folder + recording)
    expect(shown(recording, result)).toBe(fact)
    for (const fault of result.faults)
      for (const sentence of [fault.meaning, fault.fix]) expect(sentence).toMatch(/^[A-Z].{10,}\.$/s)
  })

  it('have facts, each of them', () => {
    const kinds = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory())
    const recordings = kinds.flatMap(({ name }) => readdirSync(folder + name).map(file => `${name}/${file}`))
    expect(facts.map(block => block.split(':')[0]).sort()).toEqual(recordings.sort())
  })

  it('of many machines in one folder are not mixed', async () => {
    const { devices } = await analyseRecording(`${folder}nvidia`)
    const one = await Promise.all(
      readdirSync(`${folder}nvidia`).map(file => analyseRecording(`${folder}nvidia/${file}`)),
    )
    const named = one.flatMap(result => result.devices).filter(({ record }) => record.identitySource === 'uuid')
    expect(devices.map(({ record }) => record.identity)).toEqual(
      expect.arrayContaining(named.map(({ record }) => record.identity)),
    )
    expect(new Set(devices.map(({ localId }) => localId)).size).toBe(devices.length)
  })

  it('are read to the end although some cannot be read', async () => {
    const result = await analyseRecording(folder)
    expect(result.notes.map(({ code }) => code)).toContain('GPU_FILE_IGNORED')
    expect(result.devices.length).toBeGreaterThan(40)
  })
})

describe('what an operator is told to do', () => {
  const fixOf = async (recording: string) =>
    (await analyseRecording(folder + recording)).faults.find(({ critical }) => critical)?.fix ?? ''

  it.each([
    ['nvidia/says-insufficient-permissions.txt', /\/dev\/nvidia.*SELinux.*CDI/],
    ['nvidia/says-fabric-manager-version.txt', /nvidia-fabricmanager/],
    ['kernel/nvidia-xid-154-reboot.txt', /^Reboot the host/],
    ['kernel/amd-reset-failed.txt', /amd-smi reset -G -g/],
    ['kernel/intel-wedged.txt', /unbind.*reboot.*firmware/],
    ['kernel/intel-survivability.txt', /firmware.*fwupdmgr/],
    ['kernel/amd-firmware-missing.txt', /linux-firmware/],
    ['folders/open-modules', /open kernel modules.*nvidia-open/],
    ['amd/amd-smi-static-human.txt', /"amd-smi static --json/],
    ['amd/rocm-smi-concise-hung.txt', /amd-smi reset -G -g 1"/],
    ['intel/discovery-human.txt', /"xpu-smi discovery -j/],
    ['folders/nothing-readable', /nvidia-smi -q -x.*amd-smi static --json.*xpu-smi discovery -j/],
  ])('%s', async (recording, fix) => {
    expect(await fixOf(recording)).toMatch(fix)
  })

  it('says nothing of seating where the kernel modules are the wrong ones', async () => {
    expect(await fixOf('folders/open-modules')).not.toMatch(/seat|power/i)
  })

  it('counts the cards that do not answer, and quotes an end that is history', async () => {
    const missing = await analyseRecording(`${folder}nvidia/query-535-one-of-three-described.txt`)
    expect(missing.faults[0]!.detail).toBe('3 attached, 1 described: 2 cards do not answer')
    const recovered = await analyseRecording(`${folder}kernel/nvidia-xid-154-back-to-none.txt`)
    expect(recovered.faults[0]!.detail).toMatch(/GPU Reset Required.*; then: .*\(None\)$/)
    expect(recovered.devices[0]!.schedulable).toBe(false)
  })
})
