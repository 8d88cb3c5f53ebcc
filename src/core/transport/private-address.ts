/** Recognises addresses of this machine and its neighbours. No endpoint on chain may make us connect to one. */
import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import { BlockList, isIP, isIPv4, isIPv6, type LookupFunction } from 'node:net'

/** Addresses that are not reachable from everywhere, by IANA's special-purpose registries. */
const special = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(network, prefix, 'ipv4')

/** The IPv6 addresses that are public: 2000::/3 without the part for documentation. Addresses that hold an IPv4 address are judged by that one. */
const handedOut = new BlockList()
handedOut.addSubnet('2000::', 3, 'ipv6')
const documentation = new BlockList()
documentation.addSubnet('2001:db8::', 32, 'ipv6')
documentation.addSubnet('3fff::', 20, 'ipv6')
/** 6to4 and Teredo, whose addresses hold the IPv4 address that they tunnel to. */
const tunnels = new BlockList()
tunnels.addSubnet('2002::', 16, 'ipv6')
tunnels.addSubnet('2001::', 32, 'ipv6')

/** Whether a text is an IP address that is not public, also where an IPv6 address holds an IPv4 address. False for a text that is no address. */
export function isPrivateAddress(address: string): boolean {
  if (isIPv4(address)) return special.check(address, 'ipv4')
  if (!isIPv6(address)) return false
  const mapped = mappedIpv4(address)
  if (mapped !== null) return special.check(mapped, 'ipv4')
  const [plain] = address.split('%') as [string]
  return !handedOut.check(plain, 'ipv6') || documentation.check(plain, 'ipv6') || tunnels.check(plain, 'ipv6')
}

/** The IPv4 address in `::ffff:a.b.c.d` and `64:ff9b::a.b.c.d`, however it is written. */
function mappedIpv4(address: string): string | null {
  // The parser of URLs writes every IPv6 address in one way.
  const canonical = URL.parse(`http://[${address.split('%')[0]}]/`)?.hostname.slice(1, -1) ?? ''
  const [, high, low] = /^(?:::ffff|64:ff9b:):([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? []
  if (high === undefined || low === undefined) return null
  const bytes = [high, low].flatMap(word => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff])
  return bytes.join('.')
}

export class PrivateAddressError extends Error {
  readonly address: string
  constructor(address: string) {
    super(`it is the private address ${address}`)
    this.address = address
  }
}

/** Checks a host that is written as an address; {@link publicLookup} checks names. @throws PrivateAddressError */
export function requirePublicHost(host: string): void {
  if (isIP(host) !== 0 && isPrivateAddress(host)) throw new PrivateAddressError(host)
}

/**
 * Resolves a name for the connection that is about to be made, and refuses it where any of its addresses is private. The connection uses
 * the addresses that were checked, whatever the name's server answers the next time.
 *
 * @param resolve - node's own by default
 */
export const publicLookup =
  (resolve: typeof dnsLookup = dnsLookup): LookupFunction =>
  (host, options, callback) =>
    resolve(host, { ...options, all: true }, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      if (error !== null) return callback(error, '', 0)
      const hidden = found.find(({ address }) => isPrivateAddress(address))
      if (hidden !== undefined) return callback(new PrivateAddressError(hidden.address), '', 0)
      if (options.all === true) return callback(null, found)
      callback(null, found[0]!.address, found[0]!.family)
    })
