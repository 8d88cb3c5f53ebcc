import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  cardNotes,
  doctorLines,
  engineNotes,
  environmentFaults,
  examineHost,
  examineRecording,
} from '../../../src/core/devices/doctor.ts'
import { faultTable } from '../../../src/core/devices/fault-table.ts'
import { fixFor, fixSources } from '../../../src/core/devices/make-fault.ts'
import { deviceRecord, probedDevice } from '../../../src/core/devices/probed-device.ts'
import type { EnvironmentRecord } from '../../../src/core/protocol/device-record.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-doctor-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const record: EnvironmentRecord = {
  version: 1,
  kaisar: '0.1.0',
  os: 'Linux',
  kernel: '6.1',
  architecture: 'x64',
  virtualisation: null,
  container: null,
  node: 'v24.0.0',
  onnxRuntime: '1.30.0',
  executionProviders: ['cpu'],
  memoryMiB: 8192,
  diskFreeMiB: 10_000,
  clockOffsetMs: 5,
}
const gpu = probedDevice(
  deviceRecord({ kind: 'gpu', vendor: 'nvidia', model: 'NVIDIA L4', identity: 'GPU-a', identitySource: 'uuid' }),
)
const cpu = probedDevice(
  deviceRecord({ kind: 'cpu', vendor: 'cpu', model: 'CPU', identity: 'CPU-a', identitySource: 'machine-id' }),
)
const codes = (change: Partial<EnvironmentRecord>, device = cpu) =>
  environmentFaults({ ...record, ...change }, { devices: [device] }).map(({ code, critical }) => [code, critical])

describe('environmentFaults', () => {
  it('finds what keeps a host from work, and nothing on a good one', () => {
    expect(codes({})).toEqual([])
    expect(codes({ executionProviders: [] })).toEqual([['HOST_NO_EXECUTION_PROVIDER', true]])
    expect(codes({}, gpu)).toEqual([['HOST_NO_GPU_PROVIDER', false]])
    expect(codes({ executionProviders: ['webgpu', 'cpu'] }, gpu)).toEqual([])
    expect(codes({ memoryMiB: 1024 })).toEqual([['HOST_MEMORY_LOW', false]])
    expect(codes({ diskFreeMiB: 10 })).toEqual([['HOST_DISK_LOW', false]])
    expect(codes({ clockOffsetMs: -3_600_000 })).toEqual([['HOST_CLOCK_OFF', false]])
  })
})

describe('engineNotes', () => {
  const command = 'npm install --global webgpu@0.6.2'
  const notes = (executionProviders: string[], device = gpu, found = false) =>
    engineNotes({ executionProviders }, { devices: [device] }, { found, command })

  it('says to every card that computes what the package webgpu brings: without it memory rounds are missed', () => {
    for (const providers of [
      ['webgpu', 'cpu'],
      ['cuda', 'webgpu', 'cpu'],
      ['cuda', 'cpu'],
    ])
      expect(notes(providers)).toEqual([
        {
          ...{ code: 'HOST_WEBGPU_PACKAGE_MISSING', device: null },
          detail: expect.stringMatching(`memory rounds, without which a card earns nothing.*${command}`),
        },
      ])
    expect(notes(['cpu'])).toEqual([])
    expect(notes(['webgpu', 'cpu'], gpu, true)).toEqual([])
    expect(notes(['webgpu', 'cpu'], cpu)).toEqual([])
  })
})

describe('cardNotes', () => {
  const card = (identity: string, model: string) => probedDevice({ ...gpu.record, model, identity })
  const notes = (...devices: (typeof gpu)[]) =>
    cardNotes({ devices }, undefined).map(({ code, device }) => [code, device])

  it('says which cards are left out: those that WebGPU cannot tell apart, and all but one of the others', () => {
    expect(notes(gpu)).toEqual([])
    expect(notes(cpu)).toEqual([])
    expect(notes(gpu, { ...card('GPU-b', 'NVIDIA L4'), schedulable: false, state: 'unreadable' })).toEqual([])
    expect(notes(gpu, card('GPU-b', 'NVIDIA L4'))).toEqual([
      ['GPU_NOT_PINNED', 'GPU-a'],
      ['GPU_NOT_PINNED', 'GPU-b'],
    ])
    expect(notes(gpu, card('GPU-b', 'NVIDIA L40S'), card('GPU-c', 'NVIDIA A10'))).toEqual([
      ['GPU_NOT_PINNED', 'GPU-a'],
      ['HOST_SEVERAL_CARDS', null],
    ])
  })
})

describe('examineHost', () => {
  it('joins devices, faults and environment into one report and into lines', async () => {
    const report = await examineHost({
      probe: { probe: async () => ({ state: 'healthy', devices: [cpu], faults: [], notes: [] }) },
      environment: async () => ({
        record: { ...record, diskFreeMiB: 1 },
        providers: [{ provider: 'cuda', loadable: false, onnxRuntime: null, reason: 'no library' }],
      }),
      signatures: 'javascript',
      webgpu: { found: false, command: 'npm install' },
      visible: undefined,
    })
    expect(report).toMatchObject({
      state: 'healthy',
      environment: { os: 'Linux' },
      devices: [{ model: 'CPU', identity: 'CPU-a', faults: [] }],
    })
    const text = doctorLines(report).join('\n')
    expect(text).toContain('Execution provider cuda: does not load (no library)')
    expect(text).toContain('This host has no GPU: its CPU takes part')
    expect(text).toContain('8192 MiB of memory; 1 MiB free on the disk of the data folder')
    expect(text).toContain('Signatures: in JavaScript, slower')
    expect(doctorLines({ ...report, signatures: 'native' })).toContain('Signatures: native')
    expect(text).toContain('HOST_DISK_LOW')
    expect(text).toContain(`Fix: ${fixFor(faultTable.HOST_DISK_LOW.fix, null)}`)
  })
})

describe('examineRecording', () => {
  it.each([
    ['No devices were found', 'absent', 'the tool says that there is none'],
    ['[    1.000000] usb 1-1: new device', 'unknown', 'nothing that was read says whether there is one'],
    ['Failed to initialize NVML: Unknown Error', 'unreadable', 'see the faults'],
  ])('says in a sentence what %j means for cards', async (text, state, sentence) => {
    writeFileSync(join(folder, 'none.txt'), text)
    const report = await examineRecording(join(folder, 'none.txt'))
    expect(report.state).toBe(state)
    expect(doctorLines(report).join('\n')).toContain(sentence)
  })

  it('reads a file, a folder, and UTF-16 as PowerShell writes it', async () => {
    const text = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    writeFileSync(join(folder, 'utf8.txt'), text)
    writeFileSync(join(folder, 'utf16.txt'), Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]))
    for (const name of ['utf8.txt', 'utf16.txt', ''])
      expect((await examineRecording(join(folder, name))).faults.map(({ code }) => code)).toContain(
        'GPU_DRIVER_NOT_RUNNING',
      )
  })
  it('refuses what is not there, and names a file that is too large without reading it', async () => {
    await expect(examineRecording(join(folder, 'none'))).rejects.toMatchObject({
      code: 'GPU_RECORDING_NOT_FOUND',
      exit: 3,
    })
    writeFileSync(join(folder, 'large.txt'), Buffer.alloc(17 * 1024 * 1024))
    const report = await examineRecording(join(folder, 'large.txt'))
    expect(report).toMatchObject({ state: 'unreadable', faults: [{ code: 'GPU_OUTPUT_TOO_LARGE', critical: true }] })
  })
})

describe('faultTable', () => {
  const vendors = ['nvidia', 'amd', 'intel', null] as const
  const tools = { nvidia: /nvidia-|nouveau/i, amd: /amd-smi|rocm|amdgpu/i, intel: /xpu-smi|\bxe\b|i915/i }

  it('says of every fault what it means and what to do, to the owner of each vendor’s card', () => {
    for (const [code, { meaning, fix }] of Object.entries(faultTable)) {
      expect(code).toMatch(/^(?:GPU|HOST)_[A-Z0-9_]+$/)
      for (const sentence of [meaning, ...vendors.map(vendor => fixFor(fix, vendor))])
        expect(sentence).toMatch(/^[A-Z].{10,}[.]$/s)
      // No fix sends the owner of one vendor's card to another vendor's tool, nor to this command again.
      if (new Set(vendors.map(vendor => fixFor(fix, vendor))).size === 1) continue
      for (const vendor of ['nvidia', 'amd', 'intel'] as const)
        for (const [of, tool] of Object.entries(tools))
          if (of !== vendor) expect(fixFor(fix, vendor), `${code} for ${vendor}`).not.toMatch(tool)
    }
  })

  it('never sends to the doctor whoever comes from it', () => {
    for (const { fix } of Object.values(faultTable))
      for (const vendor of vendors) expect(fixFor(fix, vendor)).not.toMatch(/provider doctor/)
  })

  it('names each vendor’s documents behind the fixes that differ by vendor', () => {
    for (const sources of Object.values(fixSources)) {
      expect(sources.length).toBeGreaterThan(0)
      for (const source of sources) expect(source).toMatch(/^https:\/\/\S+$/)
    }
  })
})
