import { definePreconditions } from '../platform/errors.ts'

export const gpuErrors = definePreconditions({
  GPU_RECORDING_NOT_FOUND: {
    message: 'There is no recording at {path}.',
    meaning: 'The file or folder given with --recording does not exist or cannot be read.',
    fix: 'Give a file with the output of nvidia-smi, rocm-smi, amd-smi or xpu-smi, or a folder of such files.',
  },
  GPU_RECORDING_EMPTY: {
    message: 'The folder {path} holds no file.',
    meaning: 'A folder given with --recording has no files to read.',
    fix: 'Record with "nvidia-smi -q -x > gpu.xml", "amd-smi static --json > gpu.json" or "xpu-smi discovery -j > gpu.json".',
  },
  GPU_NOT_READY: {
    message: 'This machine cannot work as it is: {codes}.',
    meaning: 'A critical fault keeps a device, or every device, from working.',
    fix: 'Follow the fix that is shown with each critical fault, then run "kaisar provider doctor" again.',
  },
  GPU_SETUP_INCOMPLETE: {
    message: ({ engines }: { engines: readonly string[] }) =>
      `There is a card, and nothing can compute with it: ${engines.join(' and ')} do not work.`,
    meaning: 'A Provider uses a card through CUDA or WebGPU; each needs a driver and libraries.',
    fix: 'Run the commands that are shown below what is missing, for one of them, then "kaisar provider setup-gpu" again.',
  },
})
