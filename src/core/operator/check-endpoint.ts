import { getContent } from '../transport/get-content.ts'
import type { EndpointCheck } from './checker-status.ts'

/** Whether a Checker answers at an endpoint, as a Provider elsewhere would find it. Never throws. */
export async function checkEndpoint(
  endpoint: string,
  { get = getContent }: { readonly get?: typeof getContent } = {},
): Promise<EndpointCheck> {
  try {
    const { certificateHash } = await get({ endpoint, path: '/', limitBytes: 64 * 1024, timeoutMs: 5_000 })
    return { reached: true, certificateHash }
  } catch (error) {
    return { reached: false, why: (error as Error).message }
  }
}
