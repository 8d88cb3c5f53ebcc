import { defineErrors } from '../platform/errors.ts'

export const gpuErrors = defineErrors({
  GPU_RECORDING_NOT_FOUND: {
    message: ({ path }: { path: string }) => `There is no recording at ${path}.`,
    meaning: 'The file or folder given with --recording does not exist or cannot be read.',
    fix: 'Give a file with the output of nvidia-smi, rocm-smi, amd-smi or xpu-smi, or a folder of such files.',
    exit: 3,
  },
  GPU_RECORDING_UNREADABLE: {
    message: ({ path, reason }: { path: string; reason: string }) => `Nothing in ${path} could be read: ${reason}.`,
    meaning: 'The recording holds no output of a known tool and no known failure text.',
    fix: 'Record with "nvidia-smi -q -x > gpu.xml", "amd-smi static --json > gpu.json" or "xpu-smi discovery -j > gpu.json", and give that file.',
    exit: 3,
  },
})
