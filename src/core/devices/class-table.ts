/**
 * Which class a model belongs to, and what a card of that model can and cannot say. `memoryGB` are the sizes it was ever
 * sold with, as marketed; `fp32Tflops` is the vendor's peak without tensor cores, an upper bound that no job reaches.
 * Nothing here is measured by us: `calibrated` stays false until a run of the real job on that card is recorded.
 */
export type DeviceClass = {
  readonly id: string
  readonly vendor: 'nvidia' | 'amd' | 'intel'
  /** Matched against the name without vendor words; the first row that matches is the class. */
  readonly model: RegExp
  readonly memoryGB: readonly number[]
  readonly pciDeviceIds: readonly string[]
  readonly fp32Tflops: number | null
  /** Where memory and peak come from; device ids are those of the PCI ID database. */
  readonly provenance: string
  readonly calibrated: false
}

type Row = readonly [
  id: string,
  model: RegExp,
  memoryGB: readonly number[],
  devices: string,
  fp32Tflops: number | null,
  provenance: string,
]

const rows = (vendor: DeviceClass['vendor'], vendorId: string, table: readonly Row[]): DeviceClass[] =>
  table.map(([id, model, memoryGB, devices, fp32Tflops, provenance]) => ({
    id,
    vendor,
    model,
    memoryGB,
    pciDeviceIds: devices === '' ? [] : devices.split(' ').map(device => `${vendorId}:${device}`),
    fp32Tflops,
    provenance,
    calibrated: false,
  }))

const nvidia = rows('nvidia', '10de', [
  ['nvidia-gb300', /^GB300\b/, [288], '', 80, 'NVIDIA Blackwell Ultra architecture brief'],
  ['nvidia-b300', /^B300\b/, [288], '', 77, 'NVIDIA DGX B300 data sheet'],
  ['nvidia-gb200', /^GB200\b/, [186, 192], '2941', 80, 'NVIDIA GB200 NVL72 data sheet'],
  ['nvidia-b200', /^B200\b/, [180, 192], '2901', 75, 'NVIDIA DGX B200 data sheet'],
  ['nvidia-gh200', /^GH200\b/, [96, 144], '2342 2348', 67, 'NVIDIA GH200 data sheet'],
  ['nvidia-h200-nvl', /^H200 NVL\b/, [141], '233b', 60, 'NVIDIA H200 data sheet'],
  ['nvidia-h200', /^H200\b/, [141], '2335', 67, 'NVIDIA H200 data sheet'],
  ['nvidia-h100-nvl', /^H100 NVL\b/, [94], '2321', 60, 'NVIDIA H100 data sheet'],
  ['nvidia-h100-pcie', /^H100 PCIe\b/, [80], '2331', 51, 'NVIDIA H100 data sheet'],
  ['nvidia-h100', /^H100\b/, [64, 80, 94, 96], '2330', 67, 'NVIDIA H100 data sheet'],
  ['nvidia-h800', /^H800\b/, [80], '2324 2322', 67, 'NVIDIA H100 data sheet (same chip)'],
  ['nvidia-h20', /^H20\b/, [96, 141], '2329', 44, 'public reviews of H20'],
  ['nvidia-a100', /^A100\b/, [40, 80], '20b0 20b2 20b3 20b5 20f1 20f3', 19.5, 'NVIDIA A100 data sheet'],
  ['nvidia-a800', /^A800\b/, [40, 80], '20bd 20f5 20f6', 19.5, 'NVIDIA A100 data sheet (same chip)'],
  ['nvidia-a30', /^A30\b/, [24], '20b7', 10.3, 'NVIDIA A30 data sheet'],
  ['nvidia-a40', /^A40\b/, [48], '2235', 37.4, 'NVIDIA A40 data sheet'],
  ['nvidia-a16', /^A16\b/, [16], '25b6', 4.5, 'NVIDIA A16 data sheet'],
  ['nvidia-a10g', /^A10G\b/, [24], '2237', 35, 'AWS G5 instance documentation'],
  ['nvidia-a10', /^A10\b/, [24], '2236', 31.2, 'NVIDIA A10 data sheet'],
  ['nvidia-a2', /^A2\b/, [16], '25b6', 4.5, 'NVIDIA A2 data sheet'],
  ['nvidia-l40s', /^L40S\b/, [48], '26b9', 91.6, 'NVIDIA L40S data sheet'],
  ['nvidia-l40', /^L40\b/, [48], '26b5', 90.5, 'NVIDIA L40 data sheet'],
  ['nvidia-l20', /^L20\b/, [48], '26ba', 59.8, 'public reviews of L20'],
  ['nvidia-l4', /^L4\b/, [24], '27b8', 30.3, 'NVIDIA L4 data sheet'],
  ['nvidia-t4', /^T4\b/, [16], '1eb8', 8.1, 'NVIDIA T4 data sheet'],
  ['nvidia-v100', /^V100\b/, [16, 32], '1db1 1db4 1db5 1db6', 15.7, 'NVIDIA V100 data sheet'],
  ['nvidia-p100', /^P100\b/, [12, 16], '15f7 15f8 15f9', 10.6, 'NVIDIA P100 data sheet'],
  ['nvidia-p40', /^P40\b/, [24], '1b38', 12, 'NVIDIA P40 data sheet'],
  ['nvidia-p4', /^P4\b/, [8], '1bb3', 5.5, 'NVIDIA P4 data sheet'],
  ['nvidia-m60', /^M60\b/, [8], '13f2', 4.8, 'NVIDIA M60 data sheet'],
  ['nvidia-k80', /^K80\b/, [12], '102d', 4.4, 'NVIDIA K80 data sheet (one of two GPUs)'],
  ['nvidia-gb10', /^GB10\b/, [], '2e12', 31, 'NVIDIA DGX Spark data sheet (memory is the host’s)'],
  [
    'nvidia-rtx-pro-6000-blackwell',
    /^RTX PRO 6000 Blackwell/,
    [96],
    '2bb1 2bb4 2bb5',
    125,
    'NVIDIA RTX PRO 6000 data sheet',
  ],
  ['nvidia-rtx-pro-5000-blackwell', /^RTX PRO 5000 Blackwell/, [48, 72], '', 74, 'NVIDIA RTX PRO 5000 data sheet'],
  ['nvidia-rtx-pro-4500-blackwell', /^RTX PRO 4500 Blackwell/, [32], '', 55, 'NVIDIA RTX PRO 4500 data sheet'],
  ['nvidia-rtx-pro-4000-blackwell', /^RTX PRO 4000 Blackwell/, [24], '', 47, 'NVIDIA RTX PRO 4000 data sheet'],
  ['nvidia-rtx-pro-2000-blackwell', /^RTX PRO 2000 Blackwell/, [16], '', 17, 'NVIDIA RTX PRO 2000 data sheet'],
  ['nvidia-rtx-6000-ada', /^RTX 6000 Ada/, [48], '26b1', 91.1, 'NVIDIA RTX 6000 Ada data sheet'],
  ['nvidia-rtx-5000-ada', /^RTX 5000 Ada/, [32], '26b2', 65.3, 'NVIDIA RTX 5000 Ada data sheet'],
  ['nvidia-rtx-4500-ada', /^RTX 4500 Ada/, [24], '27b1', 39.6, 'NVIDIA RTX 4500 Ada data sheet'],
  ['nvidia-rtx-4000-sff-ada', /^RTX 4000 SFF Ada/, [20], '27b0', 19.2, 'NVIDIA RTX 4000 SFF Ada data sheet'],
  ['nvidia-rtx-4000-ada', /^RTX 4000 Ada/, [20], '27b2', 26.7, 'NVIDIA RTX 4000 Ada data sheet'],
  ['nvidia-rtx-2000-ada', /^RTX 2000E? Ada/, [16], '28b0', 12, 'NVIDIA RTX 2000 Ada data sheet'],
  ['nvidia-rtx-a6000', /^RTX A6000\b/, [48], '2230', 38.7, 'NVIDIA RTX A6000 data sheet'],
  ['nvidia-rtx-a5000', /^RTX A5000\b/, [24], '2231', 27.8, 'NVIDIA RTX A5000 data sheet'],
  ['nvidia-rtx-a4500', /^RTX A4500\b/, [20], '2232', 23.7, 'NVIDIA RTX A4500 data sheet'],
  ['nvidia-rtx-a4000', /^RTX A4000\b/, [16], '24b0', 19.2, 'NVIDIA RTX A4000 data sheet'],
  ['nvidia-rtx-a2000', /^RTX A2000\b/, [6, 12], '2531 2571', 8, 'NVIDIA RTX A2000 data sheet'],
  ['nvidia-rtx-5090', /^RTX 5090(?! D| Laptop)/, [32], '2b85', 104.8, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-5090-d', /^RTX 5090 D\b/, [24, 32], '2b87', 104.8, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-5090-laptop', /^RTX 5090 Laptop/, [24], '', null, 'NVIDIA GeForce laptop comparison page'],
  ['nvidia-rtx-5080-laptop', /^RTX 5080 Laptop/, [16], '', null, 'NVIDIA GeForce laptop comparison page'],
  ['nvidia-rtx-5070-ti-laptop', /^RTX 5070 Ti Laptop/, [12], '', null, 'NVIDIA GeForce laptop comparison page'],
  ['nvidia-rtx-50-laptop', /^RTX 50[567]0 Laptop/, [8, 12], '', null, 'NVIDIA GeForce laptop comparison page'],
  ['nvidia-rtx-5080', /^RTX 5080(?! Laptop)/, [16], '2c02', 56.3, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-5070-ti', /^RTX 5070 Ti(?! Laptop)/, [16], '2c05', 43.9, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-5070', /^RTX 5070(?! Ti| Laptop)/, [12], '2f04', 30.9, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-5060-ti', /^RTX 5060 Ti/, [8, 16], '2d04', 23.7, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-5060', /^RTX 5060(?! Ti| Laptop)/, [8], '2d05', 19.2, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-5050', /^RTX 5050(?! Laptop)/, [8], '2d83', 13.2, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-4090', /^RTX 4090(?! D| Laptop)/, [24], '2684', 82.6, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-4080', /^RTX 4080(?! SUPER| Laptop)/, [16], '2704', 48.7, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-4080-super', /^RTX 4080 SUPER/, [16], '2702', 52.2, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-4070-ti', /^RTX 4070 Ti(?! Laptop)/, [12, 16], '2782 2705', 44, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-4070', /^RTX 4070(?! Ti| Laptop)/, [12], '2786 2783', 35.5, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-4060-ti', /^RTX 4060 Ti/, [8, 16], '2803 2805', 22.1, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-4060', /^RTX 4060(?! Ti| Laptop)/, [8], '2882', 15.1, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-3090-ti', /^RTX 3090 Ti/, [24], '2203', 40, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-3090', /^RTX 3090(?! Ti)/, [24], '2204', 35.6, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-3080-ti', /^RTX 3080 Ti(?! Laptop)/, [12], '2208', 34.1, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-3080', /^RTX 3080(?! Ti| Laptop)/, [10, 12], '2206 220a 2216', 30.6, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-3070', /^RTX 3070(?! Laptop)/, [8], '2484 2488 2482', 21.7, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-3060-ti', /^RTX 3060 Ti/, [8], '2486 2489 24c9', 16.2, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-3060', /^RTX 3060(?! Ti| Laptop)/, [8, 12], '2503 2504 2487 2544', 12.7, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-2080-ti', /^RTX 2080 Ti/, [11], '1e04 1e07', 13.4, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-2080-super', /^RTX 2080 SUPER/, [8], '1e81 1e93', 11.2, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-2080', /^RTX 2080(?! Ti| SUPER)/, [8], '1e82 1e87 1e90', 10.1, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-2070', /^RTX 2070\b/, [8], '1f02 1f07 1e84', 9.1, 'NVIDIA GeForce product page'],
  ['nvidia-rtx-2060', /^RTX 2060\b/, [6, 8, 12], '1f08 1f03 1f06', 7.2, 'NVIDIA GeForce product page'],
  ['nvidia-titan-v', /^TITAN V\b/, [12, 32], '1d81', 14.9, 'NVIDIA TITAN V product page'],
  ['nvidia-titan-rtx', /^TITAN RTX/, [24], '1e02', 16.3, 'NVIDIA TITAN RTX product page'],
  ['nvidia-gtx-1660', /^GTX 1660\b/, [6], '2182 2184 21c4', 5.4, 'NVIDIA GeForce product page'],
  ['nvidia-gtx-1080-ti', /^GTX 1080 Ti/, [11], '1b06', 11.3, 'NVIDIA GeForce product page'],
  ['nvidia-gtx-1080', /^GTX 1080(?! Ti)/, [8], '1b80', 8.9, 'NVIDIA GeForce product page'],
  ['nvidia-gtx-1070', /^GTX 1070\b/, [8], '1b81 1b82', 6.5, 'NVIDIA GeForce product page'],
  ['nvidia-gtx-1060', /^GTX 1060\b/, [3, 5, 6], '1c02 1c03', 4.4, 'NVIDIA GeForce product page'],
  ['nvidia-gt-1030', /^GT 1030\b/, [2, 4], '1d01', 1.1, 'NVIDIA GeForce product page'],
  ['nvidia-gt-730', /^GT 730\b/, [1, 2, 4], '1287 0f02', 0.7, 'NVIDIA GeForce product page'],
  ['nvidia-quadro-p2000', /^(?:Quadro )?P2000\b/, [5], '1c30', 3, 'NVIDIA Quadro P2000 data sheet'],
  // Memory is the host's, and no peak without tensor cores is published.
  ['nvidia-thor', /^(?:Thor|Jetson.*Thor)\b/, [], '', null, 'NVIDIA Jetson AGX Thor data sheet'],
  ['nvidia-orin', /^(?:Orin|Jetson.*Orin)\b/, [], '', 5.3, 'NVIDIA Jetson AGX Orin data sheet'],
])

const amd = rows('amd', '1002', [
  ['amd-mi355x', /MI355X/, [288], '75a3', 157, 'AMD Instinct MI355X data sheet'],
  ['amd-mi350x', /MI350X/, [288], '75a0', 144, 'AMD Instinct MI350X data sheet'],
  ['amd-mi325x', /MI325X/, [256], '74a5', 163, 'AMD Instinct MI325X data sheet'],
  ['amd-mi308x', /MI308X/, [192], '74a2 74a8', null, 'AMD device names'],
  ['amd-mi300x', /MI300X/, [192], '74a1 74b5', 163, 'AMD Instinct MI300X data sheet'],
  ['amd-mi300a', /MI300A/, [128], '74a0', 122, 'AMD Instinct MI300A data sheet'],
  ['amd-mi250x', /MI250X/, [64, 128], '7408', 47.9, 'AMD Instinct MI250X data sheet'],
  ['amd-mi250', /MI250(?!X)/, [64, 128], '740c', 45.3, 'AMD Instinct MI250 data sheet'],
  ['amd-mi210', /MI210/, [64], '740f', 22.6, 'AMD Instinct MI210 data sheet'],
  ['amd-mi100', /MI100/, [32], '738c', 23.1, 'AMD Instinct MI100 data sheet'],
  [
    'amd-vega20',
    /Vega 20|MI50|MI60|Radeon VII|Pro VII/,
    [16, 32],
    '66a0 66a1 66a3 66af',
    14.7,
    'AMD Radeon Instinct MI60 data sheet',
  ],
  ['amd-rx-7900', /RX 7900/, [16, 20, 24], '744c', 61.4, 'AMD Radeon product page'],
  ['amd-pro-w7900', /W7900/, [48], '7448 7449', 61.3, 'AMD Radeon PRO product page'],
  ['amd-rx-9070', /RX 9070/, [12, 16], '7550', 48.7, 'AMD Radeon product page'],
  ['amd-rx-9060', /RX 9060/, [8, 16], '7590', 25.6, 'AMD Radeon product page'],
  ['amd-ai-pro-r9700', /R9700/, [32], '7551', 47.8, 'AMD Radeon AI PRO R9700 product page'],
  // The GPU of Ryzen AI Max: its memory is the host's, as much as its firmware gives it.
  ['amd-strix-halo', /8060S|8050S|Strix Halo|Ryzen AI Max/i, [], '1586', 29.7, 'AMD Ryzen AI Max+ 395 product page'],
  ['amd-rx-6900', /RX 6800|RX 6900|RX 6950|Navi 21/, [16], '73bf 73af 73a5', 23, 'AMD Radeon product page'],
  ['amd-rx-6700', /RX 6700|Navi 22/, [10, 12], '73df', 13.2, 'AMD Radeon product page'],
  [
    'amd-vega10',
    /Vega 10|WX 8100|WX 9100|MI25/,
    [8, 16],
    '6860 6861 6868 687f',
    12.3,
    'AMD Radeon Pro WX 9100 data sheet',
  ],
])

const intel = rows('intel', '8086', [
  ['intel-max-1550', /Max 1550/, [128], '0bd5', 52.4, 'Intel Data Center GPU Max data sheet'],
  ['intel-max-1100', /Max 1100/, [48], '0bda', 22.2, 'Intel Data Center GPU Max data sheet'],
  ['intel-flex-170', /Flex 170/, [16], '56c0', 16, 'Intel Data Center GPU Flex data sheet'],
  ['intel-flex-140', /Flex 140/, [6, 12], '56c1', 8, 'Intel Data Center GPU Flex data sheet'],
  ['intel-arc-pro-b70', /\bPro B70\b/, [32], 'e223', 22.9, 'Intel Arc Pro B70 product page'],
  ['intel-arc-pro-b65', /\bPro B65\b/, [32], 'e222', 12.3, 'Intel Arc Pro B65 product page'],
  ['intel-arc-pro-b60', /\bPro B60\b/, [24], 'e211', 12.3, 'Intel Arc Pro B60 product page'],
  ['intel-arc-pro-b50', /\bPro B50\b/, [16], 'e212', null, 'Intel Arc Pro B50 product page'],
  ['intel-arc-b580', /B580/, [12], 'e20b', 13.7, 'Intel Arc product page'],
  ['intel-arc-b570', /B570/, [10], 'e20c', 11.5, 'Intel Arc product page'],
  ['intel-arc-a770', /A770/, [8, 16], '56a0', 19.7, 'Intel Arc product page'],
])

const classTable: readonly DeviceClass[] = [...nvidia, ...amd, ...intel]

/** The name without trademark and vendor words: `NVIDIA GeForce RTX 3090` → `RTX 3090`. */
export const bareModel = (name: string): string =>
  name
    .replace(/\((?:R|TM|C)\)/gi, '')
    .replace(/^(?:\s*\b(?:NVIDIA|AMD|Intel|GeForce|Tesla|GRID)\b)+\s*/i, '')
    .replace(/\s+/g, ' ')
    .trim()

export const classOfModel = (name: string | null): DeviceClass | null => {
  // A name cut short could be of several models.
  if (name === null || name.endsWith('...')) return null
  const bare = bareModel(name)
  return classTable.find(({ model }) => model.test(bare)) ?? null
}

export const classOfPciDevice = (pciDeviceId: string | null): DeviceClass | null =>
  pciDeviceId === null ? null : (classTable.find(({ pciDeviceIds }) => pciDeviceIds.includes(pciDeviceId)) ?? null)

/** Firmware, ECC and page tables take up to an eighth of what is marketed; a little more is rounding of GB against GiB. */
const leastShare = 0.87
const mostShare = 1.02

/** Whether a reported size is one the model was sold with; null where the table does not know the model. */
export function memoryFits(name: string, memoryMiB: number): boolean | null {
  const slice = /-(\d+)[QCBA]\d?(?:me|e)?$/.exec(name)
  const sizes = slice ? [Number(slice[1])] : (classOfModel(name)?.memoryGB ?? [])
  if (sizes.length === 0) return null
  return sizes.some(size => memoryMiB >= size * 1024 * leastShare && memoryMiB <= size * 1024 * mostShare)
}

/** The most a class can do in one second of fp32 multiply-add, in operations; null where unknown. */
export const peakOperationsPerSecond = (deviceClass: DeviceClass): number | null =>
  deviceClass.fp32Tflops === null ? null : deviceClass.fp32Tflops * 1e12
