import { defineErrors } from '../platform/errors.ts'
import { committeeSize } from '../protocol/constants.ts'

export const devnetErrors = defineErrors({
  ANVIL_MISSING: {
    message: 'The local chain (anvil) is not installed: {name} is missing.',
    meaning:
      'npm installs anvil as an optional package for the platform it runs on; here it found none or was told to skip it.',
    fix: 'Run "npm ci" without --omit=optional on Linux (x64, arm64) or a Mac with Apple silicon.',
    exit: 3,
  },
  ANVIL_START_FAILED: {
    message: 'The local chain (anvil) did not start: {reason}',
    meaning: 'anvil ended before it listened, most often because the port is in use.',
    fix: 'Choose another --port, or leave it out to get a free one.',
  },
  DEVNET_PROCESS_ENDED: {
    message: '{name} ended: {reason}',
    meaning: 'A Provider or Checker process of the devnet stopped before the network was up.',
    fix: 'Read its log with "kaisar devnet logs", mend what it names, and run "kaisar devnet up" again.',
  },
  DEVNET_START_TIMEOUT: {
    message: 'The devnet was not up after {seconds} s; still missing: {missing}.',
    meaning: 'A process did not get as far as it should: the machine is very busy, or a port or file is blocked.',
    fix: 'Look at the logs with "kaisar devnet logs" and run "kaisar devnet up" again, with fewer --providers on a small machine.',
  },
  DEVNET_EPOCH_UNPAID: {
    message: 'Epoch {epoch} was not paid: {reason}.',
    meaning: 'The epoch’s cohorts are void, or nobody paid them before the chain forgot the epoch.',
    fix: 'Look at "kaisar devnet logs" for the first error; on a very busy machine use a longer --epoch-seconds.',
  },
  DEVNET_RUNNING: {
    message: 'A devnet already runs from {dataDir}: {owner}.',
    meaning: 'A data directory holds one devnet, and this one runs.',
    fix: 'Use the one that runs, stop it with "kaisar devnet down" with its --data-dir, or start another one with --data-dir <folder>.',
  },
  DEVNET_NOT_RUNNING: {
    message: 'No devnet runs from {dataDir}.',
    meaning: 'No devnet was started from this data directory, or it has ended.',
    fix: 'Start one with "kaisar devnet up".',
    exit: 3,
  },
  DEVNET_FAUCET_REFUSED: {
    message: '"{name}" is no devnet: nothing is given away there.',
    meaning: 'Only the chain of "kaisar devnet up" has a treasury whose key everybody knows, and gas out of nothing.',
    fix: 'Send what you hold with "kaisar wallet send".',
    exit: 3,
  },
  DEVNET_LOGS_MISSING: {
    message: '{dataDir} holds no log of {name}.',
    meaning: 'No devnet was started from this folder, or no process has this name.',
    fix: 'Run "kaisar devnet logs" without a name to see all, or name the folder with --data-dir.',
    exit: 3,
  },
  DEVNET_TOO_FEW_CHECKERS: {
    message: ({ checkers }: { checkers: number }) =>
      `${checkers} Checkers cannot judge: a committee is ${committeeSize} different owners.`,
    meaning: `Every cohort is judged by ${committeeSize} seats, each of another owner.`,
    fix: `Use --checkers ${committeeSize} or more.`,
    exit: 2,
  },
})
