import { defineErrors } from '../../../src/core/platform/errors.ts'

/** An error of another folder whose message holds what a peer must not learn. */
export const chainErrors = defineErrors({
  TEST_RPC_UNREACHABLE: {
    message: ({ url }: { url: string }) => `No answer from ${url}.`,
    meaning: 'For tests.',
    fix: 'Nothing.',
  },
})
