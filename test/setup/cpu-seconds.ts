import { readFileSync } from 'node:fs'

/** Clock ticks a second in `/proc`, on every architecture of Linux that Node runs on. */
const ticksPerSecond = 100

/** Seconds of CPU of this process, of its threads, and on Linux of every process that it started and that has ended. */
export function cpuSecondsSoFar(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6 + endedChildren()
}

function endedChildren(): number {
  if (process.platform !== 'linux') return 0
  // After the name, which is in parentheses and may hold spaces: the 16th and 17th field of all are the children's user and system time.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond
}
