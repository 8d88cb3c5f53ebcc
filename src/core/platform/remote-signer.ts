/**
 * A key that lives in another process and signs over JSON-RPC: Web3Signer (`eth_…`) or clef (`account_…`). What comes back is
 * checked by those who use it: here is only the asking.
 *
 * https://docs.web3signer.consensys.io/reference/api/json-rpc · https://geth.ethereum.org/docs/tools/clef/apis
 */

import type { Address, Hex } from 'viem'
import { z } from 'zod'
import { parseJson } from './output.ts'
import { signerErrors } from './signer-errors.ts'

export type RemoteSigner = {
  /** Host and port, without what of the URL may be a secret. */
  readonly name: string
  /** Lower case. */
  readonly address: Address
  /** @param fields - of a transaction, numbers as JSON-RPC has them. @returns what the signer made of it, unchecked */
  signTransaction(fields: TransactionFields): Promise<Hex>
  /** @param data - EIP-712, with the type of its domain. @returns 65 bytes, unchecked */
  signTypedData(data: TypedDataJson): Promise<Hex>
}

export type TransactionFields = Readonly<Record<string, Hex>> & { readonly chainId: Hex }

export type TypedDataJson = {
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>
  readonly primaryType: string
  readonly domain: object
  readonly message: Readonly<Record<string, string | number>>
}

export type RemoteSignerOptions = {
  readonly url: string
  /** Which of its keys; absent: its only one. */
  readonly address?: Address | undefined
  /** For each answer. A person may have to approve it. */
  readonly timeoutMs: number
}

/** What differs between the two, apart from the names of methods. */
type Dialect = 'web3signer' | 'clef'

const hex = z.string().regex(/^0x([0-9a-fA-F]{2})*$/)
const addresses = z.array(z.string().regex(/^0x[0-9a-fA-F]{40}$/))
const answerSchema = z.object({
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string() }).nullish(),
})
const methodUnknown = -32601

/**
 * Asks the signer for its accounts and finds out which API it speaks.
 *
 * @throws SIGNER_URL_INVALID, SIGNER_UNREACHABLE, SIGNER_TIMEOUT, SIGNER_REFUSED, SIGNER_ADDRESS_UNKNOWN, SIGNER_ADDRESS_NEEDED
 */
export async function connectRemoteSigner(options: RemoteSignerOptions): Promise<RemoteSigner> {
  const { name, ask } = jsonRpc(options)
  let dialect: Dialect = 'web3signer'
  let listed = await ask('eth_accounts', [], addresses, { orUnknown: true })
  if (listed === null) {
    dialect = 'clef'
    listed = await ask('account_list', [], addresses)
  }
  const held = listed!.map(each => each.toLowerCase() as Address)
  const address = options.address ?? held[0]
  if (options.address === undefined && held.length > 1) throw signerErrors.SIGNER_ADDRESS_NEEDED({ signer: name, held })
  if (address === undefined || !held.includes(address))
    throw signerErrors.SIGNER_ADDRESS_UNKNOWN({ signer: name, address: address ?? 'any account', held })
  return {
    name,
    address,
    async signTransaction({ chainId, ...fields }) {
      const transaction = { from: address, ...fields }
      // Web3Signer takes the chain from its own settings; clef takes it from here, and puts the answer into an object, as geth does.
      if (dialect === 'clef')
        return (await ask('account_signTransaction', [{ ...transaction, chainId }], z.object({ raw: hex })))!.raw as Hex
      const answer = await ask('eth_signTransaction', [transaction], z.union([hex, z.object({ raw: hex })]))
      return (typeof answer === 'string' ? answer : answer!.raw) as Hex
    },
    async signTypedData(data) {
      // Web3Signer wants the document as text.
      return (await (dialect === 'clef'
        ? ask('account_signTypedData', [address, data], hex)
        : ask('eth_signTypedData', [address, JSON.stringify(data)], hex))) as Hex
    },
  }
}

function jsonRpc({ url: given, timeoutMs }: RemoteSignerOptions) {
  const url = URL.parse(given)
  if (url === null || !/^https?:$/.test(url.protocol)) throw signerErrors.SIGNER_URL_INVALID({})
  const name = `${url.protocol}//${url.host}`
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (url.username !== '')
    headers.authorization = `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`
  url.username = ''
  url.password = ''
  let id = 0

  async function post(method: string, params: readonly unknown[]): Promise<string> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params })
    try {
      // A redirect would take what is to be signed, and the credentials, to somebody else.
      const signal = AbortSignal.timeout(timeoutMs)
      const response = await fetch(url!, { method: 'POST', headers, body, signal, redirect: 'error' })
      return await response.text()
    } catch (cause) {
      if ((cause as Error).name === 'TimeoutError')
        throw signerErrors.SIGNER_TIMEOUT({ signer: name, method, seconds: timeoutMs / 1000, cause })
      const { code, message } = ((cause as Error).cause ?? cause) as { code?: string; message: string }
      throw signerErrors.SIGNER_UNREACHABLE({ signer: name, reason: code ?? message, cause })
    }
  }

  async function ask<T>(method: string, params: readonly unknown[], schema: z.ZodType<T>, { orUnknown = false } = {}) {
    const text = await post(method, params)
    const answer = answerSchema.safeParse(parseJson(text))
    if (!answer.success)
      throw signerErrors.SIGNER_UNREACHABLE({ signer: name, reason: 'what answers does not speak JSON-RPC' })
    const { error, result } = answer.data
    if (error) {
      if (orUnknown && error.code === methodUnknown) return null
      throw signerErrors.SIGNER_REFUSED({ signer: name, method, reason: error.message.slice(0, 300) })
    }
    const value = schema.safeParse(result)
    if (value.success) return value.data
    throw signerErrors.SIGNER_REFUSED({ signer: name, method, reason: 'its answer does not have the expected form' })
  }
  return { name, ask }
}
