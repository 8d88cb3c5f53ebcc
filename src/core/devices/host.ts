import * as os from 'node:os'
import type { Host } from './cpu/cpu-probe.ts'
import { hostFiles } from './host-files.ts'

/** This machine. */
export const nodeHost: Host = {
  files: hostFiles,
  networkInterfaces: os.networkInterfaces,
  hostname: os.hostname,
  cpus: os.cpus,
  totalMemoryBytes: os.totalmem,
  kernelRelease: os.release,
  platform: process.platform,
}
