import { describe, expect, it } from 'vitest'
import { analyse, card, codes, log } from './made-up-outputs.ts'

describe('a kernel log', () => {
  it('tells errors of cards, of applications and of switches apart in a kernel log', () => {
    const line = (rest: string) => `[1.0] ${rest}\n`
    const application = analyse(line('NVRM: Xid (PCI:0000:1b:00): 31, pid=7, name=python, Ch 8, MMU Fault'))
    expect(application.faults).toEqual([expect.objectContaining({ code: 'GPU_APPLICATION_ERROR', critical: false })])
    expect(
      codes(analyse(line('nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32 egress error'))),
    ).toEqual(['GPU_NVSWITCH_ERROR'])
    const fatal = analyse(line('nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 30 LTSSM Fault Up'))
    expect(fatal).toMatchObject({
      state: 'unreadable',
      devices: [],
      faults: [{ code: 'GPU_NVSWITCH_FATAL', critical: true }],
    })
    expect(codes(analyse(line('NVRM: Xid (PCI:0000:1b:00): 149, NETIR_LINK_EVT')))).toEqual(['GPU_NVLINK_ERROR'])
  })

  it('does not take for history what a tool says now', () => {
    const kernel =
      '[10.0] NVRM: Xid (PCI:0000:1b:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)'
    const needed = log(card({ extra: '<gpu_recovery_action>Reset</gpu_recovery_action>' }))
    const criticalOf = (...texts: string[]) =>
      analyse(...texts).faults.flatMap(({ code, critical }) => (critical ? [code] : []))
    expect(criticalOf(needed)).toEqual(['GPU_RESET_REQUIRED'])
    for (const both of [
      [kernel, needed],
      [needed, kernel],
    ])
      expect(criticalOf(...both)).toEqual(['GPU_RESET_REQUIRED'])
    expect(criticalOf(kernel, log(card()))).toEqual([])
  })

  const failed = 'amdgpu 0000:03:00.0: amdgpu: GPU Recovery Failed: -110'
  const started = 'xe 0000:03:00.0: [drm] GT0: reset started'
  const recovered = 'amdgpu 0000:03:00.0: [drm] device wedged, but recovered through reset'
  it.each([
    ['a reset that went well', started, 'xe 0000:03:00.0: [drm] GT0: reset done', [], []],
    [
      'one that did not',
      started,
      'xe 0000:03:00.0: [drm] *ERROR* GT0: reset failed (-110)',
      ['GPU_RESET_REQUIRED'],
      ['GPU_RESET_REQUIRED'],
    ],
    ['a wedged card that came back', failed, recovered, [], ['GPU_RESET_REQUIRED']],
    ['a card whose last word is a fault', recovered, failed, ['GPU_RESET_REQUIRED'], ['GPU_RESET_REQUIRED']],
  ])('ends a story in a kernel log as its last line does: %s', (_, first, last, critical, ofTwoCards) => {
    const says = (...lines: string[]) =>
      analyse(lines.join('\n'))
        .faults.filter(fault => fault.critical)
        .map(({ code }) => code)
    expect(says(`[   10.000000] ${first}`, `[   20.000000] ${last}`)).toEqual(critical)
    // The order is that of the times, whatever prints the log.
    expect(says(`[   20.000000] ${last}`, `[   10.000000] ${first}`)).toEqual(critical)
    expect(says(`Mar 02 10:00:20 h kernel: ${last}`, `Mar 02 10:00:10 h kernel: ${first}`)).toEqual(critical)
    expect(says(`2026-03-02T10:00:20,5+00:00 ${last}`, `2026-03-02T10:00:10,5+00:00 ${first}`)).toEqual(critical)
    // What ends one card's story does not end another's.
    expect(says(`[   10.000000] ${first}`, `[   20.000000] ${last.replace('03:', '04:')}`)).toEqual(ofTwoCards)
  })

  it('does not call absent what the kernel found on the bus', () => {
    const log =
      '[ 5.000000] pci 0000:01:00.0: [10de:2204] type 00 class 0x030000\n[ 5.100000] nouveau 0000:01:00.0: NVIDIA GA102 (172000a1)'
    expect(analyse(log, 'WARNING: No AMD GPUs specified')).toMatchObject({ state: 'unknown' })
    expect(analyse(log).notes[0]!.detail).toMatch(/mentions nvidia 0000:01:00\.0/)
  })
})
