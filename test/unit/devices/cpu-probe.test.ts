import { describe, expect, it } from 'vitest'
import { createCpuProbe, parseCpuInfo } from '../../../src/core/devices/cpu/cpu-probe.ts'
import { type Host, nodeHost } from '../../../src/core/devices/host.ts'

const hostWith = (files: Record<string, string>, overrides: Partial<Host> = {}): Host => ({
  files: { readText: async path => files[path] ?? null, list: async () => null },
  networkInterfaces: () => ({}),
  hostname: () => 'host-a',
  cpus: () => [{ model: 'Example CPU' }, { model: 'Example CPU' }],
  totalMemoryBytes: () => 16 * 2 ** 30,
  kernelRelease: () => '6.1.0',
  platform: 'linux',
  ...overrides,
})
const identityOf = async (host: Host) => (await createCpuProbe(host).probe()).devices[0]!.record

describe('createCpuProbe', () => {
  it('describes this machine as one healthy, schedulable device with a stable identity', async () => {
    const [first, second] = [await createCpuProbe(nodeHost).probe(), await createCpuProbe(nodeHost).probe()]
    expect(first).toEqual(second)
    expect(first.state).toBe('healthy')
    expect(first.devices).toHaveLength(1)
    expect(first.devices[0]!.record).toMatchObject({ kind: 'cpu', vendor: 'cpu' })
    expect(first.devices[0]!.record.cores).toBeGreaterThan(0)
    expect(first.devices[0]!.record.identity).toMatch(
      /^CPU-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
  })

  it('takes the machine id and never shows it', async () => {
    const id = '0123456789abcdef0123456789abcdef'
    const record = await identityOf(hostWith({ '/etc/machine-id': `${id}\n` }))
    expect(record.identitySource).toBe('machine-id')
    expect(JSON.stringify(record)).not.toContain(id.slice(0, 12))
  })

  it.each([
    [
      'the product UUID',
      {
        '/etc/machine-id': 'uninitialized\n',
        '/sys/class/dmi/id/product_uuid': '4c4c4544-0042-3510-8052-b4c04f4e3732',
      },
      {},
      'product-uuid',
    ],
    [
      'network addresses',
      { '/etc/machine-id': '', '/sys/class/dmi/id/product_uuid': '00000000-0000-0000-0000-000000000000' },
      { networkInterfaces: () => ({ eth0: [{ mac: '02:42:ac:11:00:02', internal: false }] }) },
      'network-address',
    ],
    ['the host name', {}, {}, 'host-slot'],
  ] as const)('falls back to %s and says why', async (_, files, overrides, source) => {
    const result = await createCpuProbe(hostWith(files, overrides)).probe()
    expect(result.devices[0]!.record.identitySource).toBe(source)
    expect(result.notes[0]).toMatchObject({ code: 'CPU_IDENTITY_FALLBACK', device: result.devices[0]!.record.identity })
  })

  it('tells two machines apart and does not follow memory or kernel', async () => {
    const a = { '/etc/machine-id': `${'a'.repeat(31)}0` }
    const b = { '/etc/machine-id': `${'b'.repeat(31)}0` }
    expect((await identityOf(hostWith(a))).identity).not.toBe((await identityOf(hostWith(b))).identity)
    const moved = hostWith(a, { totalMemoryBytes: () => 16 * 2 ** 30 - 9_000_000, kernelRelease: () => '6.12.0' })
    expect(await identityOf(moved)).toEqual(await identityOf(hostWith(a)))
  })
})

describe('parseCpuInfo', () => {
  it('reads x86, Arm, RISC-V and s390 spellings', () => {
    const x86 = parseCpuInfo(
      'processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 fma avx512_vnni\n\nprocessor\t: 1\n',
    )
    expect(x86).toEqual({ model: 'Some CPU', logicalCores: 2, isa: ['avx2', 'avx512_vnni', 'fma'] })
    expect(parseCpuInfo('processor : 0\nFeatures : fp asimd asimddp i8mm\nHardware : Board X\n')).toEqual({
      model: 'Board X',
      logicalCores: 1,
      isa: ['asimd', 'asimddp', 'i8mm'],
    })
    expect(parseCpuInfo('processor 0: version = FF\nprocessor 1: version = FF\n').logicalCores).toBe(2)
    expect(parseCpuInfo('')).toEqual({ model: null, logicalCores: 0, isa: [] })
  })
})
