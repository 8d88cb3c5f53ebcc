import { defineErrors } from './errors.ts'

export const processErrors = defineErrors({
  PROCESS_NOT_STARTED: {
    message: ({ name, command, reason }: { name: string; command: string; reason: string }) =>
      `${name} could not be started (${command}: ${reason}).`,
    meaning: 'The program is missing, is not executable, or the machine is out of processes or memory.',
    fix: 'Check that the program is there and executable. "npm ci" installs every program that kaisar starts.',
  },
  PORT_IN_USE: {
    message: ({ host, port }: { host: string; port: number }) => `Port ${port} on ${host} is in use.`,
    meaning: 'Another process listens on that port, perhaps an older kaisar.',
    fix: 'Choose another port, or 0 for any free one.',
    exit: 3,
  },
})
