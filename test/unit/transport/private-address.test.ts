import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPrivateAddress, publicLookup } from '../../../src/core/transport/private-address.ts'
import { createWebSocketTransport } from '../../../src/core/transport/websocket.ts'

/** A resolver that knows one name. */
const resolveTo = (...addresses: string[]) =>
  ((_host: string, _options: object, callback: (error: null, found: object[]) => void) =>
    callback(
      null,
      addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
    )) as unknown as NonNullable<Parameters<typeof publicLookup>[0]>

describe('private addresses', () => {
  it.each([
    ...['127.0.0.1', '127.255.0.9', '0.0.0.0', '10.1.2.3', '100.64.0.1', '169.254.169.254', '172.16.0.1', '172.31.9.9'],
    ...['192.168.1.1', '192.0.0.8', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
    ...['::1', '::', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12:3456::1', 'ff02::1', '2001:db8::1', '2002:7f00:1::'],
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:10.0.0.1', '64:ff9b::169.254.169.254', '::127.0.0.1'],
  ])('%s is a private address', address => {
    expect(isPrivateAddress(address)).toBe(true)
  })

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '::ffff:8.8.8.8', 'example.org'])(
    '%s is not a private address',
    address => {
      expect(isPrivateAddress(address)).toBe(false)
    },
  )

  it('an IPv4 address is judged the same as an IPv6 address that maps to it, in any notation', () => {
    fc.assert(
      fc.property(fc.ipV4(), address => {
        const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
        for (const mapped of [`::ffff:${address}`, `::ffff:${hex}`, `0:0:0:0:0:FFFF:${address}`, `64:ff9b::${hex}`])
          expect(isPrivateAddress(mapped)).toBe(isPrivateAddress(address))
      }),
    )
  })
})

describe('an endpoint on chain', () => {
  const pin = `0x${'ab'.repeat(32)}` as const
  const dial = (url: string, more: object = {}, expectedCertificateHash: `0x${string}` = pin) =>
    createWebSocketTransport({ identity: null, ...more }).dial({ url, expectedCertificateHash })
  const refused = (address: string) =>
    expect.objectContaining({ code: 'TRANSPORT_ENDPOINT_PRIVATE', context: expect.objectContaining({ address }) })

  it.each([
    ['wss://127.0.0.1:7411', '127.0.0.1'],
    ['wss://2130706433:7411', '127.0.0.1'],
    ['wss://0x7f.1:7411', '127.0.0.1'],
    ['wss://[::ffff:169.254.169.254]:80', '::ffff:a9fe:a9fe'],
    ['wss://[::1]:7411', '::1'],
    ['wss://10.0.0.7:7411', '10.0.0.7'],
  ])('an endpoint at %s is not dialled', async (url, address) => {
    await expect(dial(url)).rejects.toThrow(refused(address))
  })

  it('a private endpoint without TLS is not dialled either', async () => {
    await expect(dial('ws://127.0.0.1:7411', {}, `0x${'00'.repeat(32)}`)).rejects.toThrow(refused('127.0.0.1'))
  })

  it('an endpoint whose name resolves to a private address, even one of many, is not dialled', async () => {
    await expect(dial('wss://localhost:7411')).rejects.toThrow(
      expect.objectContaining({ code: 'TRANSPORT_ENDPOINT_PRIVATE' }),
    )
    for (const found of [['192.168.0.1'], ['8.8.8.8', '::ffff:10.0.0.1'], ['2606:4700::1', 'fd00::1']]) {
      const dialled = dial('wss://checker.example:7411', { resolve: resolveTo(...found) })
      await expect(dialled).rejects.toThrow(refused(found.at(-1)!))
    }
  })

  it('a private endpoint is dialled on a network that was said to be private', async () => {
    const nobody = expect.objectContaining({ code: 'TRANSPORT_UNREACHABLE' })
    await expect(dial('wss://127.0.0.1:1', { dialsPrivate: true })).rejects.toThrow(nobody)
  })

  it('a name is resolved once, and the connection uses the address that was checked', () => {
    const found: unknown[] = []
    publicLookup(resolveTo('8.8.8.8', '1.1.1.1'))('checker.example', { all: true }, (...said) => found.push(said))
    publicLookup(resolveTo('8.8.8.8'))('checker.example', {}, (...said) => found.push(said))
    expect(found).toEqual([
      [
        null,
        [
          { address: '8.8.8.8', family: 4 },
          { address: '1.1.1.1', family: 4 },
        ],
      ],
      [null, '8.8.8.8', 4],
    ])
  })
})
