import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { probeEnvironment, readContainer, readVirtualisation } from '../../../src/core/devices/environment-probe.ts'
import { type Host, nodeHost } from '../../../src/core/devices/host.ts'
import {
  encodeEnvironmentRecord,
  environmentHash,
  environmentRecordSchema,
  hashRecordText,
} from '../../../src/core/protocol/device-record.ts'

const files = (texts: Record<string, string>): Pick<Host, 'readText'> => ({
  readText: async path => texts[path] ?? null,
})
const options = { kaisar: '0.1.0', dataDirectory: tmpdir(), clockOffsetMs: -3.6 }

describe('probeEnvironment', () => {
  it('runs a product through the CPU provider and refuses to count one that does not load', async () => {
    const { record, providers } = await probeEnvironment(
      { ...options, executionProviders: ['nonesuch', 'cpu'] },
      { host: nodeHost },
    )
    expect(record.executionProviders).toEqual(['cpu'])
    expect(record.onnxRuntime).toMatch(/^\d+\.\d+\.\d+/)
    expect(record.clockOffsetMs).toBe(-4)
    expect(providers[0]).toMatchObject({ provider: 'nonesuch', loadable: false })
    expect(providers[0]!.reason).toMatch(/\S/)
    expect(environmentRecordSchema.parse(record)).toEqual(record)
    expect(hashRecordText(encodeEnvironmentRecord(record))).toBe(environmentHash(record))
  })

  it('survives a runtime that cannot even start', async () => {
    const run = async () => ({ stdout: '', stderr: '', exitCode: null, failure: 'killed' as const })
    const { record } = await probeEnvironment(
      { ...options, dataDirectory: '/no/such/folder' },
      { host: { ...nodeHost, run } },
    )
    expect(record).toMatchObject({ executionProviders: [], onnxRuntime: null })
    expect(record.diskFreeMiB).toBeGreaterThan(0)
  })

  it.each([
    [
      'Error: Failed to load library /x/libonnxruntime_providers_shared.so with error: /x/libonnxruntime_providers_shared.so: cannot open shared object file: No such file',
      'ONNX Runtime’s part for it is not installed',
    ],
    [
      'Error: Failed to load library /x/y.so with error: libcudnn.so.9: cannot open shared object file: No such file',
      'the library libcudnn.so.9 is not installed',
    ],
    ['Error: Failed to get a WebGPU adapter: No supported adapters', 'no GPU with a Vulkan driver was found'],
    ['Error: CUDA driver version is insufficient for CUDA runtime version', 'the NVIDIA driver is too old for it'],
    ['Error: something new', 'the attempt ended with exit code 1'],
  ])('says in words why a provider does not load: %s', async (stderr, reason) => {
    const run = async () => ({ stdout: '', stderr, exitCode: 1, failure: null })
    const { providers } = await probeEnvironment(
      { ...options, executionProviders: ['x'] },
      { host: { ...nodeHost, run } },
    )
    expect(providers).toEqual([{ provider: 'x', loadable: false, onnxRuntime: null, reason }])
  })
})

describe('readVirtualisation and readContainer', () => {
  it.each([
    [{ '/sys/class/dmi/id/sys_vendor': 'Amazon EC2\n' }, 'amazon-ec2'],
    [
      {
        '/sys/class/dmi/id/sys_vendor': 'Microsoft Corporation\n',
        '/sys/class/dmi/id/product_name': 'Virtual Machine\n',
      },
      'hyper-v',
    ],
    [
      {
        '/sys/class/dmi/id/product_name': 'Standard PC (Q35 + ICH9, 2009)\n',
        '/sys/class/dmi/id/sys_vendor': 'QEMU\n',
      },
      'kvm',
    ],
    [{ '/proc/sys/kernel/osrelease': '5.15.153.1-microsoft-standard-WSL2\n' }, 'wsl2'],
    [{ '/proc/cpuinfo': 'flags\t: fpu hypervisor\n' }, 'unnamed'],
    [{ '/sys/class/dmi/id/product_name': 'PowerEdge XE9680\n' }, null],
  ])('%j is %s', async (texts, expected) => {
    expect(await readVirtualisation(files(texts as unknown as Record<string, string>))).toBe(expected)
  })
  it.each([
    [{ '/.dockerenv': '' }, 'docker'],
    [{ '/run/.containerenv': '' }, 'podman'],
    [{ '/proc/1/environ': 'A=b\0container=lxc\0' }, 'lxc'],
    [{ '/proc/1/cgroup': '0::/kubepods.slice/x\n' }, 'kubernetes'],
    [{ '/proc/1/cgroup': '0::/init.scope\n' }, null],
  ])('%j is %s', async (texts, expected) => {
    expect(await readContainer(files(texts as unknown as Record<string, string>))).toBe(expected)
  })
})
