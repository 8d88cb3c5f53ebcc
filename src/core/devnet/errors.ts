import { defineErrors } from '../platform/errors.ts'

export const devnetErrors = defineErrors({
  ANVIL_MISSING: {
    message: ({ name }: { name: string }) => `The local chain (anvil) is not installed: ${name} is missing.`,
    meaning:
      'npm installs anvil as an optional package for the platform it runs on; here it found none or was told to skip it.',
    fix: 'Run "npm ci" without --omit=optional on Linux or macOS (x64 or arm64).',
    exit: 3,
  },
  ANVIL_START_FAILED: {
    message: ({ reason }: { reason: string }) => `The local chain (anvil) did not start: ${reason}`,
    meaning: 'anvil ended before it listened, most often because the port is in use.',
    fix: 'Choose another --port, or leave it out to get a free one.',
  },
})
