import { define } from './fault-definition.ts'

/** The host around the devices. */
export const hostFaults = {
  HOST_NO_EXECUTION_PROVIDER: define(
    'none',
    true,
    'ONNX Runtime cannot run even a small graph here.',
    'Reinstall the dependencies ("npm ci") for this platform and Node version.',
  ),
  HOST_NO_GPU_PROVIDER: define(
    'none',
    false,
    'There is a GPU, and no execution provider that could use it loads: jobs would run on the CPU.',
    'Run "kaisar provider setup-gpu": it says what CUDA and WebGPU lack here, and the commands that install it.',
  ),
  HOST_MEMORY_LOW: define(
    'none',
    false,
    'The host has little memory: building the job’s model takes up to 1 GiB beside the system.',
    'Give the host or the container at least 4 GiB.',
  ),
  HOST_DISK_LOW: define(
    'none',
    false,
    'Little space is free where the state is kept.',
    'Free some space, or choose another folder with --data-dir.',
  ),
  HOST_CLOCK_OFF: define(
    'none',
    false,
    'The clock of this host and block time are far apart.',
    'Switch on time synchronisation ("sudo timedatectl set-ntp true"). Where blocks come rarely, compare again after the next one.',
  ),
} as const
