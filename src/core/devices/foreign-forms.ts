import type { SeenFault, Vendor } from './observation.ts'

/** Tools of accelerators that nothing here computes on; some print tables that look like nvidia-smi's. */
const others: readonly (readonly [pattern: RegExp, accelerator: string])[] = [
  [/HL-SMI (?:Version|LOG)/i, 'Intel Gaudi (hl-smi)'],
  [/\bnpu-smi\s+[\d.v]/i, 'Huawei Ascend (npu-smi)'],
  [/\bneuron-ls\b|NEURON\s+DEVICE/, 'AWS Trainium or Inferentia (neuron-ls)'],
  [/\btpu-info\b|TPU Chips/, 'Google TPU (tpu-info)'],
  [/\bcnmon\b|Cambricon/i, 'Cambricon MLU (cnmon)'],
  [/mthreads-gmi/i, 'Moore Threads (mthreads-gmi)'],
  [/\bIX-ML\b|\bixsmi\b/i, 'Iluvatar CoreX (ixsmi)'],
  [/\bmx-smi\b|MX-SMI/, 'MetaX (mx-smi)'],
  [/\bhy-smi\b|HYGON/i, 'Hygon DCU (hy-smi)'],
  [/\bbrsmi\b/i, 'Biren (brsmi)'],
  [/\befsmi\b|Enflame/i, 'Enflame (efsmi)'],
  [/\bXPU-RT\b|\bxpu_smi\b|KUNLUN/i, 'Kunlun XPU (xpu_smi)'],
  [/\btt-smi\b|Tenstorrent/i, 'Tenstorrent (tt-smi)'],
  [/\bgc-info\b|Graphcore/i, 'Graphcore IPU (gc-info)'],
  [/\bqaic-util\b|QAicLib/i, 'Qualcomm Cloud AI (qaic-util)'],
]

/** amd-smi's forms for people: the summary, the watch list, and the indented listing of `list`, `static` and `metric`. */
const amdForPeople = [
  /\bAMD-SMI \d/,
  /^GPU\s+(?:XCP\s+)?POWER\b/m,
  /^GPU: \d+\s*\r?\n\s+(?:[A-Z][A-Z_ ]+:|BDF|UUID)/m,
] as const

export type ForeignForm = { readonly format: string; readonly vendor: Vendor | null; readonly fault: SeenFault }

/** Outputs that are recognised, and not read: of accelerators that are not supported, and forms that are for people alone. */
export function foreignForm(text: string): ForeignForm | null {
  const head = text.slice(0, 16_384)
  if (/^\s*[{[<]/.test(head) || /<nvidia_smi_log|NVSMI LOG/.test(head)) return null
  const other = /\bNVIDIA-SMI\s+\d/.test(head) ? undefined : others.find(([pattern]) => pattern.test(head))
  if (other)
    return {
      format: 'not-supported',
      vendor: null,
      fault: { code: 'GPU_NOT_SUPPORTED', detail: `recognised: ${other[1]}` },
    }
  return amdForPeople.some(pattern => pattern.test(text))
    ? { format: 'amd-table', vendor: 'amd', fault: { code: 'GPU_FORM_NOT_READ', detail: 'amd-smi without --json' } }
    : null
}
