import { definePreconditions } from '../platform/errors.ts'

export const updateErrors = definePreconditions({
  UPDATE_UNKNOWN: {
    message: 'Whether there is a newer release cannot be said: {registry} {reason}.',
    meaning:
      'The registry is asked for one small document. This machine may be offline, behind a proxy, or use a registry that does not have the package.',
    fix: 'Try again with a connection, or name another registry with --registry; behind a proxy set HTTPS_PROXY and NODE_USE_ENV_PROXY=1, which Node 24 reads.',
  },
})
