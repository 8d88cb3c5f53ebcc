import { defineErrors } from '../platform/errors.ts'

/** What works on a host with several cards. */
export const oneProviderEach =
  'run one Provider for each card, with a key and a --data-dir of its own, in a container that is given that card alone ("Several cards of one host" in docs/gpu-set-up.md). NVIDIA cards of different models need no container: give each Provider the UUID of its card, which "nvidia-smi -L" prints, as CUDA_VISIBLE_DEVICES.'

export const jobErrors = defineErrors({
  JOB_SPEC_INVALID: {
    message: 'The job specification cannot be used: {problem}.',
    meaning:
      'A specification outside these bounds would not compute the same bits on every kernel, or not fit in memory.',
    fix: 'Use one of the specifications that ship with the toolkit, or change the number that is named.',
    exit: 2,
  },
  JOB_SPEC_UNKNOWN: {
    message: 'The job specification {specHash} is not known to this release.',
    meaning:
      'The network was moved to a specification that a newer release brings, or still has one of an older release, or the contract is for another network.',
    fix: 'Update kaisar, and check that --rpc-url and the contract addresses are those of your network; deploy a devnet of an older release again.',
    exit: 3,
  },
  JOB_PROVIDER_UNAVAILABLE: {
    message: 'The execution provider "{provider}" cannot be used: {reason}',
    meaning:
      'ONNX Runtime was asked for this execution provider and could not start it. It is never replaced by another one quietly.',
    fix: 'Run "kaisar provider setup-gpu" to see what is missing and what installs it, or choose another one with --execution-provider.',
    exit: 3,
  },
  JOB_CUDA_LIBRARIES_MISSING: {
    message: 'CUDA cannot be used: {library} is not installed.',
    meaning:
      'The CUDA provider of onnxruntime-node is a separate download of about 300 MB, and it needs CUDA 12 and cuDNN 9.',
    fix: 'Run "kaisar provider setup-gpu --install": it fetches the download, and shows what installs CUDA 12 and cuDNN 9 here.',
    exit: 3,
  },
  JOB_CUDA_LIBRARY_NOT_FOUND: {
    message: 'CUDA cannot be used: the loader does not find {library} ({from}).',
    meaning: 'The CUDA provider is installed, and a library of CUDA 12, cuDNN 9 or the driver that it needs is not.',
    fix: `Install what is named: "kaisar provider setup-gpu" shows the commands for this distribution; with pip it is the package in brackets; set LD_LIBRARY_PATH to its folder where the loader does not look there by itself.`,
    exit: 3,
  },
  JOB_WEBGPU_TAKEN: {
    message: 'WebGPU already serves another device of this process.',
    meaning: 'The WebGPU runtime ends the whole process when two threads use it, so a process has one WebGPU device.',
    fix: `Close what uses it first. On a host with several cards, ${oneProviderEach}`,
    exit: 3,
  },
  JOB_DEVICE_NOT_PINNED: {
    message: 'The execution provider "{provider}" cannot be pinned to this device: {problem}.',
    meaning:
      'The runtime might compute on another device than the one that is registered, and that one would be paid for it.',
    fix: `On a host with several cards, ${oneProviderEach} A part of a card (MIG, a compute partition) cannot take part: memory rounds need WebGPU, which has whole cards only.`,
    exit: 3,
  },
  JOB_ADAPTER_NOT_THE_CARD: {
    message: 'WebGPU does not reach this card: {problem}.',
    meaning:
      'WebGPU takes the adapter that it prefers, or the first that is called as the card is. One that computes on the CPU, or another card, is not paid for as this one.',
    fix: `Run "kaisar provider setup-gpu": it shows what installs the Vulkan driver of the card's vendor. In a container, give it the card's graphics capability (NVIDIA_DRIVER_CAPABILITIES=all) and its render node. On a host with several cards, ${oneProviderEach}`,
    exit: 3,
  },
  JOB_NO_EXACT_KERNEL: {
    message: 'No kernel of the execution provider "{provider}" computes exactly here: {tried}.',
    meaning:
      'Every form of the model was run on known inputs and none gave the exact integers, so its reports would be judged wrong.',
    fix: 'Update the GPU driver; until then work on another execution provider with --execution-provider cpu.',
    exit: 3,
  },
  JOB_KERNEL_FAILED: {
    message: 'A run on the execution provider "{provider}" failed: {reason}',
    meaning: 'The device was lost, its driver failed, or its memory ran out while it worked; the window is given up.',
    fix: 'Run "kaisar provider doctor"; if the card fell off the bus, reset it or restart the machine.',
  },
  JOB_WINDOW_UNKNOWN: {
    message: 'The rows of window {handle} are no longer kept.',
    meaning: 'Only the last few windows can be opened; one that was released, or is from before a restart, is gone.',
    fix: 'Nothing to do: the round counts zero.',
  },
  JOB_SAMPLE_INVALID: {
    message: 'The sample cannot be opened: {problem}.',
    meaning:
      'A seat may ask for at most as many distinct rows as the specification says, all of them below the committed row count.',
    refusal: true,
  },
  JOB_OPENINGS_MALFORMED: {
    message: 'The openings are malformed: {problem}.',
    meaning: 'Openings have exactly one encoding for a root, a row count and a sample; these bytes are not it.',
    fix: 'The device may answer the same request again before the opening deadline.',
  },
  JOB_WORKER_STOPPED: {
    message: 'The work engine stopped: {reason}.',
    meaning: 'The thread that runs ONNX Runtime ended, because it was closed or because the native runtime failed.',
    fix: 'Start the daemon again; if it repeats, run "kaisar provider doctor" and report the log.',
  },
  JOB_WINDOW_CANCELLED: {
    message: 'The window was cancelled.',
    meaning: 'The round was dropped, or the daemon is shutting down; its rows were discarded.',
    fix: 'Nothing to do.',
  },
  JOB_MEMORY_TOO_SMALL: {
    message: 'There is memory for {groups} groups of {groupBytes} bytes; at least {leastGroups} are needed.',
    meaning: 'A memory job over fewer groups would measure a cache and not the memory behind it.',
    fix: `Free memory that other programs hold, or take part with a device that has more of it.`,
    exit: 3,
  },
  JOB_FILL_FAILED: {
    message: ({ reason }: { reason: string; cause?: unknown }) => `Memory could not be filled: ${reason}`,
    meaning:
      'Memory rounds are not worked while the memory is not filled. The fill is tried again with the next of them.',
    fix: 'Look for what else takes the memory of this host, or fill less with --memory-mib.',
  },
  JOB_MEMORY_NOT_ON_CARD: {
    message: 'The memory of this card cannot be filled: {reason}.',
    meaning:
      'Memory rounds of a card are worked in its own memory, by shaders through the package "webgpu". Memory of the host is not the card’s, and is not claimed for it.',
    fix: `Run "kaisar provider setup-gpu", which installs the package and shows what else is missing, such as the Vulkan driver of the vendor. On a host with several cards, ${oneProviderEach}`,
  },
  JOB_FILL_CANCELLED: {
    message: 'The fill of the memory was cancelled.',
    meaning: 'The epoch ended, the device was paused, or the daemon is shutting down; nothing of the fill is claimed.',
    fix: 'Nothing to do.',
  },
  JOB_MEMORY_LOST: {
    message: 'A window over {groups} groups cannot be worked or opened: {ready} are filled.',
    meaning:
      'The memory was given back or shrank since the groups were claimed, so the states cannot be computed again.',
    fix: 'Nothing to do: the round counts zero, and the next fill claims what there is.',
  },
})
