import { HttpRequestError, RpcRequestError } from 'viem'
import { describe, expect, it } from 'vitest'
import { agree, isCompared } from '../../../src/core/chain/agreement.ts'
import type { Endpoint } from '../../../src/core/chain/endpoint.ts'
import { chainErrors } from '../../../src/core/chain/errors.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

type Answers = Record<string, (params: readonly unknown[]) => unknown>
const hashOf = (number: number, branch = 'a') => `0x${branch.repeat(62)}${number.toString(16).padStart(2, '0')}`
const block = (number: number, branch?: string) => ({
  number: `0x${number.toString(16)}`,
  hash: hashOf(number, branch),
  parentHash: hashOf(number - 1, branch),
})

/** An endpoint at this head, where every call gives `state` of the block it is about. */
function endpoint(name: string, head: number, state: (at: number) => unknown, branch = 'a') {
  const dropped: string[] = []
  const calls: string[] = []
  const numberOf = (which: unknown) => {
    if (typeof which === 'object') return Number.parseInt((which as { blockHash: string }).blockHash.slice(-2), 16)
    return which === 'latest' || which === undefined ? head : Number(which)
  }
  const answers: Answers = {
    eth_blockNumber: () => `0x${head.toString(16)}`,
    eth_getBlockByNumber: ([which]) => (numberOf(which) > head ? null : block(numberOf(which), branch)),
    eth_getBlockByHash: ([hash]) => block(Number.parseInt((hash as string).slice(-2), 16), branch),
    eth_call: ([, which]) => state(numberOf(which)),
    eth_estimateGas: () => state(head),
    eth_maxPriorityFeePerGas: () => state(head),
  }
  const it: Endpoint = {
    name,
    request: async ({ method, params }: { method: string; params?: unknown }) => {
      calls.push(method)
      const result = answers[method]!((params ?? []) as unknown[])
      if (result instanceof Error) throw result
      return result
    },
    mark: (given: string) => dropped.push(given),
  } as unknown as Endpoint
  return { it, dropped, calls }
}
const call = { method: 'eth_call', params: [{ to: '0x' }, 'latest'] }
const revert = new RpcRequestError({ url: '', body: {}, error: { code: 3, message: 'reverted' } })

describe('a read over several endpoints', () => {
  it('an answer that two endpoints give is taken, and no third endpoint is asked', async () => {
    const [a, b, c] = [1, 2, 3].map(i => endpoint(`${i}`, 9, () => '0x01'))
    expect(await agree(call, [a!.it, b!.it, c!.it])).toEqual({ result: '0x01' })
    expect([a!, b!, c!].map(({ calls }) => calls.length)).toEqual([1, 1, 0])
  })

  it('answers that differ because one endpoint is a block behind are taken at the block that both have', async () => {
    const state = (at: number) => `0x${at.toString(16).padStart(2, '0')}`
    const [ahead, behind] = [endpoint('ahead', 10, state), endpoint('behind', 9, state)]
    expect(await agree(call, [ahead.it, behind.it])).toEqual({ result: '0x09' })
    expect([...ahead.dropped, ...behind.dropped]).toEqual([])
  })

  it.each([0, 1, 2])(
    'the answer of two of three is taken, and the endpoint that answers otherwise about the same block is dropped (%i)',
    async liar => {
      const all = [0, 1, 2].map(i => endpoint(`${i}`, 9, () => (i === liar ? '0x66' : '0x01')))
      // The third is not asked where the first two agree.
      expect(
        await agree(
          call,
          all.map(({ it }) => it),
        ),
      ).toEqual({ result: '0x01' })
      expect(all.map(({ dropped }) => dropped)).toEqual([0, 1, 2].map(i => (i === liar && liar < 2 ? ['dropped'] : [])))
    },
  )

  it('an answer that the other one of two endpoints contradicts is not taken, and both are named', async () => {
    const [a, b] = [endpoint('a', 9, () => '0x01'), endpoint('b', 9, () => '0x02')]
    await expect(agree(call, [a.it, b.it])).rejects.toMatchObject({ code: 'RPC_DISAGREEMENT' })
    await expect(agree(call, [a.it, b.it])).rejects.toThrow(/a: 0x01 · b: 0x02/)
    expect([...a.dropped, ...b.dropped]).toEqual([])
  })

  it('a pending nonce is what most pools show, or refused: it never becomes the mined one, and no pool is dropped for it', async () => {
    const nonce = { method: 'eth_getTransactionCount', params: ['0x01', 'pending'] }
    // Mined: 5. Whoever has taken the transaction that waits says 6.
    const pool = (name: string, pending: string) => {
      const made = endpoint(name, 9, () => '0x05')
      const request = async (given: { method: string; params?: unknown }) => {
        if (given.method !== nonce.method) return made.it.request(given)
        return (given.params as unknown[])[1] === 'pending' ? pending : '0x05'
      }
      return { ...made, it: { ...made.it, request } as unknown as Endpoint }
    }
    const [knows, knowsToo, behind, liar] = [pool('a', '0x6'), pool('b', '0x6'), pool('c', '0x5'), pool('d', '0xff')]
    await expect(agree(nonce, [knows.it, behind.it])).rejects.toMatchObject({ code: 'RPC_DISAGREEMENT' })
    await expect(agree(nonce, [knows.it, behind.it])).rejects.toThrow(/a: 0x6 · c: 0x5/)
    for (const odd of [behind, liar])
      expect(await agree(nonce, [odd.it, knows.it, knowsToo.it])).toEqual({ result: '0x6' })
    await expect(agree(nonce, [liar.it, behind.it, knows.it])).rejects.toMatchObject({ code: 'RPC_DISAGREEMENT' })
    expect([knows, knowsToo, behind, liar].flatMap(({ dropped }) => dropped)).toEqual([])
  })

  it('an answer at a head that only one endpoint has is replaced by one at a head that most have', async () => {
    const [liar, a, b] = [
      endpoint('liar', 250, () => '0x66', 'f'),
      endpoint('a', 9, () => '0x01'),
      endpoint('b', 9, () => '0x01'),
    ]
    expect(await agree({ method: 'eth_blockNumber', params: [] }, [liar.it, a.it, b.it])).toEqual({ result: '0x9' })
    expect(await agree(call, [liar.it, a.it, b.it])).toEqual({ result: '0x01' })
  })

  /** From its n-th request on (counted from 0) the endpoint does not answer. */
  const silentFrom = (n: number, { it }: ReturnType<typeof endpoint>): Endpoint => {
    let asked = 0
    const request: Endpoint['request'] = async given => {
      if (asked++ >= n) throw chainErrors.RPC_UNREACHABLE({ endpoints: it.name })
      return it.request(given)
    }
    return { ...it, request }
  }

  it('one of three that alone answers after two have contradicted each other is not believed', async () => {
    const [one, two, liar] = [
      endpoint('one', 9, () => '0x01'),
      endpoint('two', 9, () => '0x01'),
      endpoint('liar', 9, () => '0x66'),
    ]
    const asked = [silentFrom(1, one), liar.it, silentFrom(0, two)]
    await expect(agree(call, asked)).rejects.toMatchObject({
      code: expect.stringMatching(/^RPC_(ALONE|DISAGREEMENT)$/),
    })
  })

  it('while one of three is silent, no other takes a read back to an old block by naming it as its head', async () => {
    const state = (at: number) => `0x${at.toString(16).padStart(2, '0')}`
    const [present, old] = [endpoint('present', 200, state), endpoint('old', 9, state)]
    const silent = silentFrom(0, endpoint('silent', 200, state))
    const asked = [present.it, old.it, silent]
    await expect(agree(call, asked)).rejects.toMatchObject({ code: 'RPC_DISAGREEMENT' })
    expect(await agree(call, [present.it, old.it, endpoint('third', 199, state).it])).toEqual({ result: '0xc7' })
  })

  it('a call is refused where most endpoints refuse it, and answered where only one refuses', async () => {
    const [a, b, c] = [endpoint('a', 9, () => revert), endpoint('b', 9, () => revert), endpoint('c', 9, () => '0x01')]
    await expect(agree(call, [a.it, b.it, c.it])).rejects.toBe(revert)
    const [d, e] = [endpoint('d', 9, () => '0x01'), endpoint('e', 9, () => '0x01')]
    expect(await agree(call, [a.it, d.it, e.it])).toEqual({ result: '0x01' })
  })

  it('the gas of three endpoints is the middle one, so that none can starve a transaction or inflate it', async () => {
    for (const odd of ['0x01', '0xffffffff', revert]) {
      const all = [endpoint('a', 9, () => odd), endpoint('b', 9, () => '0x64'), endpoint('c', 9, () => '0x64')]
      expect(
        await agree(
          { method: 'eth_estimateGas', params: [{}] },
          all.map(({ it }) => it),
        ),
      ).toEqual({ result: '0x64' })
    }
  })

  it('a block is not taken from an endpoint that puts another time under its true hash', async () => {
    const [liar, a, b] = [0, 1, 2].map(i => endpoint(`${i}`, 9, () => '0x01'))
    const request = liar!.it.request
    const lying = async (given: { method: string; params?: unknown }) => {
      const answer = await request(given)
      return /^eth_getBlockBy/.test(given.method) ? { ...(answer as object), timestamp: '0xffffffff' } : answer
    }
    const latest = { method: 'eth_getBlockByNumber', params: ['latest', false] }
    expect(await agree(latest, [{ ...liar!.it, request: lying }, a!.it, b!.it])).toEqual({ result: block(9) })
  })

  it('an endpoint that is behind is not dropped, and a block that most do not have yet counts as missing', async () => {
    const [fresh, behind, liar] = [endpoint('a', 10, () => 1), endpoint('b', 9, () => 1), endpoint('c', 9, () => 1)]
    const call = { method: 'eth_getBlockByNumber', params: ['0xa', false] }
    expect(await agree(call, [fresh.it, behind.it, liar.it])).toEqual({ result: null })
    expect([...fresh.dropped, ...behind.dropped, ...liar.dropped]).toEqual([])
    const other = endpoint('d', 10, () => 1)
    expect(await agree(call, [fresh.it, behind.it, other.it])).toEqual({ result: block(10) })
    expect(behind.dropped).toEqual([])
  })

  it('an error that is not a revert is not taken for a contradiction', async () => {
    const pruned = () =>
      new RpcRequestError({ url: '', body: {}, error: { code: -32_000, message: 'missing trie node' } })
    const all = [endpoint('a', 9, () => '0x01'), endpoint('b', 9, pruned), endpoint('c', 9, pruned)]
    await expect(
      agree(
        call,
        all.map(({ it }) => it),
      ),
    ).rejects.toThrow(/missing trie node/)
    expect(all.flatMap(({ dropped }) => dropped)).toEqual([])
  })

  it('a gas answer that is not an amount is ignored', async () => {
    for (const odd of ['zz', null, {}]) {
      const all = [endpoint('a', 9, () => odd), endpoint('b', 9, () => '0x64'), endpoint('c', 9, () => '0x64')]
      const gas = { method: 'eth_estimateGas', params: [{}] }
      expect(
        await agree(
          gas,
          all.map(({ it }) => it),
        ),
      ).toEqual({ result: '0x64' })
    }
  })

  it('the answer of one endpoint is not taken while the two others limit our rate', async () => {
    const limit = chainErrors.RPC_UNREACHABLE({
      endpoints: 'busy',
      cause: new HttpRequestError({ url: '', status: 429 }),
    })
    const [liar, b, c] = [
      endpoint('liar', 9, () => '0x66'),
      endpoint('b', 9, () => limit),
      endpoint('c', 9, () => limit),
    ]
    for (const order of [
      [liar, b, c],
      [b, c, liar],
    ])
      await expect(
        agree(
          call,
          order.map(({ it }) => it),
        ),
      ).rejects.toMatchObject({ code: 'RPC_DISAGREEMENT' })
  })

  it('is not what the only one of three says, whether the others are silent now or were dropped before', async () => {
    const timeout = chainErrors.RPC_TIMEOUT({ endpoint: 'silent', method: 'eth_call' })
    const [liar, b, c] = [
      endpoint('liar', 9, () => '0x66'),
      endpoint('b', 9, () => timeout),
      endpoint('c', 9, () => timeout),
    ]
    const alone = { code: 'RPC_ALONE', context: { answered: 1, given: 3 } }
    await expect(agree(call, [b.it, liar.it, c.it])).rejects.toMatchObject(alone)
    await expect(agree(call, [liar.it], 3)).rejects.toMatchObject(alone)
    // What gas costs is bounded for itself.
    expect(await agree({ method: 'eth_estimateGas' }, [liar.it], 3)).toEqual({ result: '0x66' })
  })

  it('a slow endpoint costs half a second: a third one is asked beside it', async () => {
    const clock = createManualClock()
    const never = new Promise<never>(() => undefined)
    const [fast, slow, third] = [
      endpoint('fast', 9, () => '0x01'),
      endpoint('slow', 9, () => never),
      endpoint('third', 9, () => '0x01'),
    ]
    const read = agree(call, [fast.it, slow.it, third.it], 3, { clock })
    await clock.advance(499)
    expect(third.calls).toEqual([])
    await clock.advance(1)
    expect(await read).toEqual({ result: '0x01' })
  })

  it('an endpoint that never answers holds up no estimate on which the two others agree, and by a second one on which they nearly do', async () => {
    const gas = { method: 'eth_estimateGas', params: [{}] }
    const silent = endpoint('silent', 9, () => new Promise<never>(() => undefined))
    const [low, high] = [endpoint('low', 9, () => '0x64'), endpoint('high', 9, () => '0x65')]
    expect(await agree(gas, [silent.it, low.it, endpoint('same', 9, () => '0x64').it])).toEqual({ result: '0x64' })
    const clock = createManualClock()
    const doubted: string[] = []
    const estimate = agree(gas, [silent.it, low.it, high.it], 3, { clock, onDoubt: ({ name }) => doubted.push(name) })
    await clock.advance(999)
    expect(doubted).toEqual([])
    await clock.advance(1)
    expect(await estimate).toEqual({ result: '0x65' })
    expect(doubted).toEqual(['silent'])
  })

  it('an endpoint that contradicts the others and then falls silent holds up a read by one second, and is doubted', async () => {
    const clock = createManualClock()
    const unclear = new RpcRequestError({ url: '', body: {}, error: { code: -32_000, message: 'internal error' } })
    const [liar, a, b] = [
      endpoint('liar', 9, () => unclear),
      endpoint('a', 9, () => '0x01'),
      endpoint('b', 9, () => '0x01'),
    ]
    let asked = 0
    const once: Endpoint['request'] = given => (asked++ === 0 ? liar.it.request(given) : new Promise(() => undefined))
    const doubted: string[] = []
    const onDoubt = ({ name }: Endpoint) => void doubted.push(name)
    const read = agree(call, [{ ...liar.it, request: once }, a.it, b.it], 3, { clock, onDoubt })
    await clock.advance(1_000)
    expect(await read).toEqual({ result: '0x01' })
    expect(new Set(doubted)).toEqual(new Set(['liar']))
  })

  it('two endpoints that contradict each other about one block wait for a third that is slow, and it decides', async () => {
    const atHash = { method: 'eth_call', params: [{ to: '0x' }, { blockHash: hashOf(9) }] }
    for (const read of [call, atHash]) {
      const clock = createManualClock()
      const liar = endpoint('liar', 9, () => '0x66')
      const honest = endpoint('honest', 9, () => '0x01')
      const slow = endpoint('slow', 9, () => clock.sleep(4_000).then(() => '0x01'))
      let isOver = false
      const answer = agree(read, [liar.it, honest.it, slow.it], 3, { clock }).finally(() => {
        isOver = true
      })
      await clock.advance(3_999)
      expect(isOver).toBe(false)
      await clock.advance(1)
      expect(await answer).toEqual({ result: '0x01' })
      expect([liar, honest, slow].map(({ dropped }) => dropped.length)).toEqual([1, 0, 0])
    }
  })

  it('an endpoint that does not know, or is on another branch, contradicts nobody: a slow third is waited for by a second', async () => {
    const unknown = () =>
      new RpcRequestError({ url: '', body: {}, error: { code: -32_000, message: 'header not found' } })
    const atHash = { method: 'eth_call', params: [{ to: '0x' }, { blockHash: hashOf(9) }] }
    const byNumber = { method: 'eth_getBlockByNumber', params: ['0x9', false] }
    for (const [read, other] of [
      [atHash, endpoint('behind', 9, unknown)],
      [byNumber, endpoint('other branch', 9, () => '0x01', 'b')],
    ] as const) {
      const clock = createManualClock()
      const honest = endpoint('honest', 9, () => '0x01')
      const silent = endpoint('silent', 9, () => '0x01')
      const never: Endpoint['request'] = () => new Promise(() => undefined)
      const answer = agree(read, [other.it, honest.it, { ...silent.it, request: never }], 3, { clock })
      answer.catch(() => undefined)
      await clock.advance(1_000)
      await expect(answer).rejects.toMatchObject({ code: 'RPC_DISAGREEMENT' })
    }
  })

  it.each([
    { method: 'eth_maxPriorityFeePerGas', other: '0xc8', used: '0xc8', atMs: 1_000 },
    { method: 'eth_maxPriorityFeePerGas', other: '0xc9', used: '0xc9', atMs: 5_000 },
    { method: 'eth_estimateGas', other: '0x6e', used: '0x6e', atMs: 1_000 },
    { method: 'eth_estimateGas', other: '0x6f', used: '0x6f', atMs: 5_000 },
    { method: 'eth_estimateGas', other: revert, used: '0x64', atMs: 5_000 },
  ])(
    'of two estimates the higher is used, once the third has failed where they are far apart ($method, $used)',
    async ({ method, other, used, atMs }) => {
      const clock = createManualClock()
      const timeout = chainErrors.RPC_TIMEOUT({ endpoint: 'silent', method })
      const all = [() => clock.sleep(5_000).then(() => timeout), () => '0x64', () => other]
      const endpoints = all.map((answer, i) => endpoint(`${i}`, 9, answer).it)
      const estimate = agree({ method, params: [{}] }, endpoints, 3, { clock })
      const ended = estimate.then(answer => ({ answer, atMs: clock.monotonicMs() }))
      for (let second = 0; second < 5; second++) await clock.advance(1_000)
      expect(await ended).toEqual({ answer: { result: used }, atMs })
    },
  )

  it('a transaction and its receipt are what two endpoints say, also where these differ in fields that are not read', async () => {
    const [hash, other] = [hashOf(1), hashOf(2)]
    const shown = {
      eth_getTransactionByHash: { hash, to: '0xAB', input: '0x01' },
      eth_getTransactionReceipt: { transactionHash: hash, blockHash: other, status: '0x1', logs: [{ data: '0x01' }] },
    }
    const forged = { input: '0x66', logs: [{ data: '0x66' }] }
    for (const [method, truth] of Object.entries(shown)) {
      const says = (answer: object): Endpoint =>
        ({ name: 'it', request: async () => answer, mark: () => undefined }) as unknown as Endpoint
      const honest = [says({ ...truth, type: '0x2' }), says({ ...truth, to: '0xab', blockTimestamp: '0x5' })]
      const call = { method, params: [hash] }
      expect(isCompared(call)).toBe(true)
      expect(await agree(call, honest)).toEqual({ result: { ...truth, type: '0x2' } })
      const all = [says({ ...truth, ...forged }), ...honest]
      expect(await agree(call, all)).toEqual({ result: { ...truth, type: '0x2' } })
    }
  })

  it('who shows a transaction in another block is outvoted, and not taken for a liar: it may be on another branch', async () => {
    const call = { method: 'eth_getTransactionReceipt', params: [hashOf(1)] }
    const receipt = (blockHash: string, log: object) => ({
      ...{ transactionHash: hashOf(1), blockHash, status: '0x1' },
      logs: [
        {
          address: '0x0a',
          topics: [hashOf(4)],
          data: '0x01',
          blockHash,
          transactionHash: hashOf(1),
          logIndex: '0x0',
          ...log,
        },
      ],
    })
    const marked: string[] = []
    const says = (name: string, answer: object): Endpoint =>
      ({ name, request: async () => answer, mark: () => void marked.push(name) }) as unknown as Endpoint
    const astray = says('astray', receipt(hashOf(2), {}))
    // Nodes differ in what they tell of a log besides.
    const others = [
      says('one', receipt(hashOf(3), {})),
      says('other', receipt(hashOf(3), { transactionLogIndex: '0x0' })),
    ]
    expect(await agree(call, [astray, ...others])).toMatchObject({ result: { blockHash: hashOf(3) } })
    expect(marked).toEqual([])
  })

  it('reads go on with one endpoint where the others do not answer', async () => {
    const silent = endpoint('silent', 9, () => chainErrors.RPC_TIMEOUT({ endpoint: 'silent', method: 'eth_call' }))
    const only = endpoint('only', 9, () => '0x01')
    expect(await agree(call, [silent.it, only.it])).toEqual({ result: '0x01' })
    expect(await agree(call, [silent.it])).toBeNull()
  })
})
