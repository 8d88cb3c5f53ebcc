import type { ProbeState } from '../../../src/core/gpu/gpu-probe.ts'

type Device = {
  model: string
  state?: 'healthy' | 'degraded' | 'unreadable'
  kind?: 'gpu' | 'mig' | 'vgpu'
  identity?: string
  pci?: string | null
  pciId?: string | null
  memoryMiB?: number | null
  driver?: string | null
  api?: string | null
  firmware?: string | null
}
/** What a recording shows, read by hand from the file. */
export type Facts = {
  state: ProbeState
  devices: readonly Device[]
  faults?: readonly string[]
  critical?: readonly string[]
  notes?: readonly string[]
}

const h100 = (identity: string, pci: string): Device => ({
  model: 'NVIDIA H100 80GB HBM3',
  state: 'degraded',
  identity,
  pci,
  memoryMiB: 81559,
  driver: '535.161.08',
  api: '12.2',
  firmware: '96.00.74.00.0D',
})
const mi100 = (identity: string, pci: string): Device => ({
  model: 'Arcturus GL-XL [Instinct MI100]',
  state: 'healthy',
  identity,
  pci,
  pciId: '1002:738c',
  memoryMiB: 32752,
  driver: '6.3.6',
  firmware: '113-D3431401-101',
})
const k80 = (identity: string, pci: string, state: Device['state']): Device => ({
  model: 'Tesla K80',
  state,
  identity,
  pci,
  pciId: '10de:102d',
  memoryMiB: 11441,
  driver: '430.26',
  api: null,
})
const lost = (pci: string): Facts => ({
  state: 'unreadable',
  devices: [{ model: 'unknown', state: 'unreadable', pci }],
  faults: ['GPU_LOST'],
  critical: ['GPU_LOST'],
})
const hostFault = (code: string): Facts => ({ state: 'unreadable', devices: [], faults: [code], critical: [code] })
const migA100 = (gi: number): Device => ({
  model: 'NVIDIA A100-SXM4-80GB MIG',
  kind: 'mig',
  identity: `GPU-513536b6-7d19-9063-b049-1e69664bb298:gi-${gi}:ci-0`,
  memoryMiB: 19968,
})

export const recordingFacts: Record<string, Facts> = {
  'amd/mi100_rocm602.json': {
    state: 'healthy',
    devices: [
      mi100('AMD-79ccd55167a2124a', '0000:83:00.0'),
      mi100('AMD-04edfb117a17a07d', '0000:a3:00.0'),
      mi100('AMD-d4a9ec48d03d261d', '0000:c3:00.0'),
      mi100('AMD-1b9dd972253c3736', '0000:e3:00.0'),
    ],
  },
  'amd/pai-rocm_smi.json': {
    state: 'healthy',
    devices: [
      {
        model: 'Vega 20',
        identity: 'AMD-7c96610172fc1a8d',
        pci: '0000:03:00.0',
        pciId: '1002:66af',
        memoryMiB: 16368,
        firmware: '113-D3600200-106',
      },
      { model: 'Vega 20', identity: 'AMD-249220e172fc1a88', pci: '0000:06:00.0' },
    ],
  },
  'amd/rx6700xt_rocm430.json': {
    state: 'healthy',
    devices: [{ model: '1002:73df', pci: '0000:07:00.0', pciId: '1002:73df', memoryMiB: 12272, driver: '6.3.6' }],
  },
  'amd/rx6700xt_rocm602.json': {
    state: 'healthy',
    devices: [{ model: 'Navi 22 [Radeon RX 6700/6700 XT / 6800M]', pci: '0000:07:00.0', memoryMiB: 12272 }],
  },
  'amd/vega-10-XT.json': {
    state: 'healthy',
    devices: [
      { model: '1002:6861', identity: 'AMD-02150e7d042a1124', pci: '0000:04:00.0', memoryMiB: 16368, driver: '5.9.25' },
    ],
  },
  'nvidia-smi/failures/csv-a6000-x2.csv': {
    state: 'healthy',
    devices: [
      { model: 'NVIDIA RTX A6000', memoryMiB: 49140 },
      { model: 'NVIDIA RTX A6000', memoryMiB: 49140 },
    ],
  },
  'nvidia-smi/failures/csv-jetson-orin.csv': {
    state: 'healthy',
    devices: [{ model: 'Orin (nvgpu)', memoryMiB: null }],
    notes: ['GPU_INTEGRATED'],
  },
  'nvidia-smi/failures/csv-mig-na.h100l.csv': {
    state: 'healthy',
    devices: [{ model: 'NVIDIA H100L-2-24C', kind: 'vgpu', memoryMiB: 24576 }],
  },
  'nvidia-smi/failures/csv-not-supported-old.csv': {
    state: 'unreadable',
    devices: [{ model: 'unknown', state: 'unreadable' }],
    faults: ['GPU_OUTPUT_UNLABELLED'],
    critical: ['GPU_OUTPUT_UNLABELLED'],
  },
  'nvidia-smi/failures/ecc-xid-79.dmesg.txt': {
    state: 'unreadable',
    devices: [
      {
        model: 'unknown',
        state: 'unreadable',
        identity: 'GPU-660d987e-5b28-3bf6-2a2d-1d5ecae7f6df',
        pci: '0000:02:00.0',
      },
    ],
    faults: ['GPU_FELL_OFF_BUS'],
    critical: ['GPU_FELL_OFF_BUS'],
  },
  'nvidia-smi/failures/handle-unknown-error-then-no-devices.txt': lost('0000:01:00.0'),
  'nvidia-smi/failures/handle-unknown-error.535style.txt': lost('0000:07:00.0'),
  'nvidia-smi/failures/no-driver.txt': hostFault('GPU_DRIVER_NOT_RUNNING'),
  'nvidia-smi/failures/nvml-mismatch-old-one-line.460.txt': hostFault('GPU_DRIVER_MISMATCH'),
  'nvidia-smi/failures/nvml-mismatch.rc18.535.161.txt': hostFault('GPU_DRIVER_MISMATCH'),
  'nvidia-smi/failures/nvml-unknown-error-container.txt': hostFault('GPU_ACCESS_LOST'),
  'nvidia-smi/failures/table-ERR-reset.pro6000.txt': {
    state: 'degraded',
    devices: [{ model: 'unknown', state: 'degraded', memoryMiB: 97887 }],
    faults: ['GPU_READING_FAILED', 'GPU_RESET_REQUIRED'],
    critical: ['GPU_RESET_REQUIRED'],
  },
  'nvidia-smi/failures/table-jetson-orin-nano.540.4.0.txt': {
    state: 'healthy',
    devices: [{ model: 'Orin (nvgpu)', driver: '540.4.0', api: '12.6' }],
    notes: ['GPU_INTEGRATED'],
  },
  'nvidia-smi/failures/unable-to-detect-handle-windows.txt': lost('0000:b1:00.0'),
  'nvidia-smi/text/dmesg-with-xid-119.log': {
    state: 'unreadable',
    devices: [{ model: 'unknown', identity: 'GPU-509665ad-b600-ac93-3616-d754b23d636d', pci: '0000:9b:00.0' }],
    faults: ['GPU_GSP_TIMEOUT', 'GPU_RESET_REQUIRED'],
    critical: ['GPU_GSP_TIMEOUT', 'GPU_RESET_REQUIRED'],
  },
  'nvidia-smi/text/gpud-8xh100-535.161.08.txt': {
    state: 'degraded',
    devices: [
      h100('GPU-ee7954ec-da95-fd7a-ddfd-c6b32cc2f8aa', '0000:19:00.0'),
      h100('GPU-47daa2ad-a218-6286-252b-af45f0dfaf00', '0000:3b:00.0'),
      h100('GPU-167d8376-ee13-fca4-938a-a05167c43cdc', '0000:4c:00.0'),
      h100('GPU-afe9f2ed-9dd0-572c-3cd8-b42b58b3bc99', '0000:5d:00.0'),
      h100('GPU-2b6f61f9-8b00-3b57-d912-b62792120662', '0000:9b:00.0'),
      h100('GPU-980ea11b-91dc-db7b-72ac-0685abc43658', '0000:bb:00.0'),
      h100('GPU-4ef109e9-e925-4834-2b85-0771b4ef696c', '0000:cb:00.0'),
      h100('GPU-b0fe4996-1f7c-91f6-0ccd-08ae3b7e23c5', '0000:db:00.0'),
    ],
    faults: Array(8).fill('GPU_POWER_BRAKE'),
  },
  'nvidia-smi/text/gpud-titanv-560.35.03.txt': {
    state: 'healthy',
    devices: [
      {
        model: 'NVIDIA TITAN V',
        identity: 'GPU-f4c353ff-b56c-c1de-bcb9-7dad861b589a',
        pci: '0000:01:00.0',
        pciId: '10de:1d81',
        memoryMiB: 12288,
        driver: '560.35.03',
        api: '12.6',
        firmware: '88.00.36.00.01',
      },
    ],
  },
  'nvidia-smi/text/linux-x86_64__nvidia-geforce-rtx-2080-super__610.57.04.txt': {
    state: 'healthy',
    devices: [
      {
        model: 'NVIDIA GeForce RTX 2080 SUPER',
        identity: 'PDI-0x7f8dedcec96ce17f',
        pci: '0000:0c:00.0',
        pciId: '10de:1e81',
        memoryMiB: 8192,
        driver: '610.57.04',
        api: '13.3',
        firmware: '90.04.7A.40.73',
      },
    ],
    notes: ['GPU_UUID_MASKED', 'GPU_BUSY'],
  },
  'nvidia-smi/text/linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01.txt': {
    state: 'healthy',
    devices: [
      {
        model: 'NVIDIA H100 80GB HBM3',
        identity: 'PDI-0xd52bae2e458244e2',
        pci: '0000:00:09.0',
        memoryMiB: 81559,
        driver: '590.48.01',
        api: '13.1',
        firmware: '96.00.A5.00.01',
      },
    ],
    notes: ['GPU_UUID_MASKED', 'GPU_SERIAL_MASKED', 'GPU_BUSY'],
  },
  'nvidia-smi/text/linux-x86_64__nvidia-h100-mig__590.48.01.txt': {
    state: 'healthy',
    devices: [
      { model: 'NVIDIA H100 80GB HBM3', kind: 'gpu', identity: 'PDI-0xd52bae2e458244e2' },
      {
        model: 'NVIDIA H100 80GB HBM3 MIG 3g.40gb',
        kind: 'mig',
        identity: 'PDI-0xd52bae2e458244e2:gi-2:ci-0',
        memoryMiB: 40448,
      },
      {
        model: 'NVIDIA H100 80GB HBM3 MIG 2g.20gb',
        kind: 'mig',
        identity: 'MIG-00000001-0000-0000-0000-000000000001',
        memoryMiB: 20096,
      },
      {
        model: 'NVIDIA H100 80GB HBM3 MIG 1g.10gb',
        kind: 'mig',
        identity: 'MIG-00000002-0000-0000-0000-000000000002',
        memoryMiB: 9984,
      },
      {
        model: 'NVIDIA H100 80GB HBM3 MIG 1g.10gb',
        kind: 'mig',
        identity: 'MIG-00000003-0000-0000-0000-000000000003',
        memoryMiB: 9984,
      },
    ],
    notes: ['GPU_UUID_MASKED', 'GPU_SERIAL_MASKED', 'GPU_BUSY'],
  },
  'nvidia-smi/xml/3090-v13.xml': {
    state: 'degraded',
    devices: [
      {
        model: 'NVIDIA GeForce RTX 3090',
        identity: 'GPU-12345678-aaaa-bbbb-cccc-0123456789ab',
        pci: '0000:09:00.0',
        pciId: '10de:2204',
        memoryMiB: 24576,
        driver: '590.44.01',
        api: '13.1',
      },
    ],
    faults: ['GPU_POWER_CAP'],
  },
  'nvidia-smi/xml/a100-sxm4-v12.xml': {
    state: 'healthy',
    devices: [
      { model: 'NVIDIA A100-SXM4-80GB', kind: 'gpu', pciId: '10de:20b2', memoryMiB: 81920, driver: '535.54.03' },
      migA100(3),
      migA100(4),
      migA100(5),
      migA100(6),
    ],
    faults: ['GPU_INDEX_GAP'],
  },
  'nvidia-smi/xml/a10g.xml': {
    state: 'degraded',
    devices: [
      { model: 'NVIDIA A10G', pci: '0000:00:1e.0', pciId: null, memoryMiB: 23028, driver: '515.105.01', api: '11.7' },
    ],
    faults: ['GPU_LINK_WIDTH_REDUCED', 'GPU_DRIVER_TOO_OLD'],
    notes: ['GPU_SERIAL_MASKED'],
  },
  'nvidia-smi/xml/dual_2080-v13.xml': {
    state: 'degraded',
    devices: [
      { model: 'NVIDIA GeForce RTX 2080', pci: '0000:01:00.0', memoryMiB: 8192 },
      { model: 'NVIDIA GeForce RTX 2080', pci: '0000:02:00.0', memoryMiB: 8192 },
    ],
    faults: ['GPU_LINK_WIDTH_REDUCED', 'GPU_UUID_DUPLICATE', 'GPU_LINK_WIDTH_REDUCED', 'GPU_UUID_DUPLICATE'],
  },
  'nvidia-smi/xml/gt-1030.xml': {
    state: 'healthy',
    devices: [{ model: 'NVIDIA GeForce GT 1030', memoryMiB: 1998, driver: '470.74', api: '11.4' }],
    faults: ['GPU_DRIVER_TOO_OLD'],
  },
  'nvidia-smi/xml/gtx-1660-ti.xml': {
    state: 'healthy',
    devices: [{ model: 'Graphics Device', pciId: '10de:2184', memoryMiB: 5912, driver: '418.43' }],
    faults: ['GPU_DRIVER_TOO_OLD'],
    notes: ['GPU_CLASS_UNKNOWN'],
  },
  'nvidia-smi/xml/pai-out-of-order.xml': {
    state: 'degraded',
    devices: [
      k80('GPU-c3b26f7a-8dcb-619c-fa1b-8029265a4db0', '1580:00:00.0', 'degraded'),
      k80('GPU-b01b80eb-0f18-1df0-cf88-0725bd90f1e1', '2df7:00:00.0', 'degraded'),
      k80('GPU-30bc2701-3bc2-5f35-0ebd-9867a077e138', '4968:00:00.0', 'healthy'),
      k80('GPU-3341aba2-f01d-2c1f-7dd4-e389779faec2', 'f8d6:00:00.0', 'healthy'),
    ],
    faults: [
      'GPU_ECC_UNCORRECTED_LIFETIME',
      'GPU_DRIVER_TOO_OLD',
      'GPU_ECC_UNCORRECTED_LIFETIME',
      'GPU_DRIVER_TOO_OLD',
      'GPU_DRIVER_TOO_OLD',
      'GPU_DRIVER_TOO_OLD',
    ],
    notes: ['GPU_PAGES_RETIRED', 'GPU_BUSY', 'GPU_PAGES_RETIRED', 'GPU_BUSY'],
  },
  'nvidia-smi/xml/pai-outdated-gpu.xml': {
    state: 'degraded',
    devices: [
      {
        model: 'GeForce GT 730',
        identity: 'GPU-09cb2925-9d01-5ca4-810b-6cdebe86b71a',
        pci: '0000:01:00.0',
        memoryMiB: null,
        driver: '384.111',
      },
    ],
    faults: ['GPU_DRIVER_UNUSABLE'],
    critical: ['GPU_DRIVER_UNUSABLE'],
  },
  'nvidia-smi/xml/quadro-p2000-v12.xml': {
    state: 'degraded',
    devices: [{ model: 'Quadro P2000', memoryMiB: 5120, driver: '525.125.06', api: '12.0' }],
    faults: ['GPU_LINK_WIDTH_REDUCED'],
  },
  'nvidia-smi/xml/rtx-3060-v12.xml': {
    state: 'healthy',
    devices: [{ model: 'NVIDIA GeForce RTX 3060', pciId: '10de:2487', memoryMiB: 12288, driver: '570.124.04' }],
  },
  'nvidia-smi/xml/rtx-3080-v12.xml': {
    state: 'healthy',
    devices: [{ model: 'NVIDIA GeForce RTX 3080', memoryMiB: 10240, driver: '536.40' }],
  },
  'nvidia-smi/xml/rtx-4000-sff-ada-v13.xml': {
    state: 'healthy',
    devices: [{ model: 'NVIDIA RTX 4000 SFF Ada Generation', memoryMiB: 20475, driver: '595.84', api: '13.2' }],
    notes: ['GPU_BUSY'],
  },
  'nvidia-smi/xml/tesla-t4.xml': {
    state: 'degraded',
    devices: [{ model: 'Tesla T4', pciId: '10de:1eb8', memoryMiB: 15360 }],
    faults: ['GPU_LINK_WIDTH_REDUCED', 'GPU_DRIVER_TOO_OLD'],
    notes: ['GPU_SERIAL_MASKED', 'GPU_BUSY'],
  },
}
