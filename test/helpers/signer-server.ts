/** A signer as operators run one, over real HTTP: Web3Signer's methods or clef's, with the errors they answer with. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Hex, hashMessage, hashTypedData, type TransactionSerializableEIP1559 } from 'viem'
import { privateKeyToAccount, sign } from 'viem/accounts'
import { endWithScope } from '../setup/file-scope.ts'

export type SignerServerOptions = {
  readonly dialect: 'web3signer' | 'clef'
  readonly keys: readonly Hex[]
  /** The chain that Web3Signer was started for. */
  readonly chainId?: number
  /** What a person, or a bad signer, makes of a transaction. */
  readonly alter?: (transaction: TransactionSerializableEIP1559) => TransactionSerializableEIP1559
  /** Signs with this key instead of the one that was asked for. */
  readonly signsWith?: Hex
  /** Hashes typed data as Web3Signer did before it followed EIP-712. */
  readonly prefixesTypedData?: boolean
  /** Methods that it never answers. */
  readonly silentFor?: readonly string[]
}

type Request = { readonly id: number; readonly method: string; readonly params: readonly unknown[] }
type SentTransaction = Readonly<Record<string, Hex | undefined>>

export async function startSigner({ dialect, keys, chainId = 31337, ...options }: SignerServerOptions) {
  const { alter = (each: TransactionSerializableEIP1559) => each, silentFor = [] } = options
  const accounts = keys.map(key => privateKeyToAccount(key))
  const asked: string[] = []
  const authorizations = new Set<string | undefined>()
  const accountOf = (address: unknown) => {
    const index = accounts.findIndex(account => account.address.toLowerCase() === String(address).toLowerCase())
    if (index < 0) throw Object.assign(new Error('Signing from is not an unlocked account'), { code: -32000 })
    return options.signsWith === undefined ? keys[index]! : options.signsWith
  }
  async function signTransaction({ from, ...sent }: SentTransaction): Promise<Hex> {
    const ofRequest = sent.chainId === undefined ? chainId : Number(sent.chainId)
    return privateKeyToAccount(accountOf(from)).signTransaction(
      alter({
        type: 'eip1559',
        chainId: dialect === 'clef' ? ofRequest : chainId,
        nonce: Number(sent.nonce),
        gas: BigInt(sent.gas!),
        maxFeePerGas: BigInt(sent.maxFeePerGas!),
        maxPriorityFeePerGas: BigInt(sent.maxPriorityFeePerGas!),
        value: BigInt(sent.value!),
        data: sent.data!,
        ...(sent.to === undefined ? {} : { to: sent.to }),
      }),
    )
  }
  async function signTypedData(address: unknown, document: unknown): Promise<Hex> {
    // Web3Signer casts to text, clef decodes an object: the other form is an error in both.
    if ((typeof document === 'string') !== (dialect === 'web3signer'))
      throw Object.assign(new Error('Invalid params'), { code: -32602 })
    const digest = hashTypedData(typeof document === 'string' ? JSON.parse(document) : document)
    const hash = options.prefixesTypedData ? hashMessage({ raw: digest }) : digest
    return sign({ hash, privateKey: accountOf(address), to: 'hex' })
  }
  const methods: Record<string, (params: readonly unknown[]) => unknown> =
    dialect === 'web3signer'
      ? {
          eth_accounts: () => accounts.map(({ address }) => address),
          eth_signTransaction: ([transaction]) => signTransaction(transaction as SentTransaction),
          eth_signTypedData: ([address, document]) => signTypedData(address, document),
        }
      : {
          account_list: () => accounts.map(({ address }) => address),
          account_signTransaction: async ([transaction]) => ({
            raw: await signTransaction(transaction as SentTransaction),
            tx: {},
          }),
          account_signTypedData: ([address, document]) => signTypedData(address, document),
        }

  async function answer({ id, method, params }: Request): Promise<object> {
    try {
      const known = methods[method]
      if (known === undefined)
        throw Object.assign(new Error(`the method ${method} does not exist/is not available`), { code: -32601 })
      return { jsonrpc: '2.0', id, result: await known(params) }
    } catch (error) {
      const { code = -32000, message } = error as { code?: number; message: string }
      return { jsonrpc: '2.0', id, error: { code, message } }
    }
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const call = JSON.parse(Buffer.concat(chunks).toString()) as Request
    asked.push(call.method)
    authorizations.add(request.headers.authorization)
    if (silentFor.includes(call.method)) return
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(await answer(call)))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    return new Promise<void>(resolve => server.close(() => resolve()))
  }
  endWithScope(close)
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, asked, authorizations, close }
}
