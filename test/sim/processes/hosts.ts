/**
 * Hosts on this machine: network namespaces on one bridge, three for Checkers and, behind a router that hides it (NAT), one for
 * Providers; 80 ms of delay and 1% of loss each way where the kernel can.
 */
import { existsSync } from 'node:fs'
import { execa } from 'execa'

export type Hosts = {
  /** Where the chain is reached from all of them. */
  readonly chainAddress: string
  /** A host for each Checker, in turns, and the one behind the router for Providers. */
  hostOf(kind: 'checker' | 'provider', number: number): { readonly namespace: string; readonly address: string }
  /** Whether packets are delayed and lost: not every kernel has netem. */
  readonly isImpaired: boolean
  close(): Promise<void>
}

/** What is missing here for it; null where nothing is. */
export function missingForHosts(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'the rights of root'
  const find = (tool: string) => ['/usr/sbin', '/sbin', '/usr/bin'].some(folder => existsSync(`${folder}/${tool}`))
  const missing = ['ip', 'tc', 'nft'].filter(tool => !find(tool))
  return missing.length > 0 ? `${missing.join(' and ')} (Debian: iproute2, nftables)` : null
}

export async function createHosts(): Promise<Hosts> {
  const id = (process.pid % 100_000).toString()
  // A /24 of its own, so that two runs do not meet.
  const [outer, inner] = [`10.${100 + (process.pid % 100)}.1`, `10.${100 + (process.pid % 100)}.2`]
  const bridge = `kb${id}`
  const checkers = ['a', 'b', 'c'].map((name, i) => ({ namespace: `k${name}${id}`, address: `${outer}.${11 + i}` }))
  const router = { namespace: `kr${id}`, address: `${outer}.20` }
  const provider = { namespace: `kp${id}`, address: `${inner}.2` }
  const namespaces = [...checkers, router, provider].map(({ namespace }) => namespace)
  const run = (command: string) => execa('/bin/sh', ['-ec', command])
  const within = (namespace: string, command: string) => run(`ip netns exec ${namespace} ${command}`)

  const close = async () => {
    for (const namespace of namespaces) await run(`ip netns del ${namespace}`).catch(() => undefined)
    await run(`ip link del ${bridge}`).catch(() => undefined)
  }
  try {
    await run(
      `ip link add ${bridge} type bridge && ip addr add ${outer}.1/24 dev ${bridge} && ip link set ${bridge} up`,
    )
    for (const namespace of namespaces) await run(`ip netns add ${namespace} && ip -n ${namespace} link set lo up`)
    for (const [i, { namespace, address }] of [...checkers, router].entries()) {
      const link = `kv${i}x${id}`
      await run(`ip link add ${link} type veth peer name eth0 netns ${namespace}
        ip link set ${link} master ${bridge} up
        ip -n ${namespace} addr add ${address}/24 dev eth0
        ip -n ${namespace} link set eth0 up`)
    }
    await run(`ip link add eth1 netns ${router.namespace} type veth peer name eth0 netns ${provider.namespace}
      ip -n ${router.namespace} addr add ${inner}.1/24 dev eth1
      ip -n ${router.namespace} link set eth1 up
      ip -n ${provider.namespace} addr add ${provider.address}/24 dev eth0
      ip -n ${provider.namespace} link set eth0 up
      ip -n ${provider.namespace} route add default via ${inner}.1`)
    await within(router.namespace, 'sysctl -qw net.ipv4.ip_forward=1')
    await within(
      router.namespace,
      `nft 'add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; add rule ip nat post oifname eth0 masquerade'`,
    )
    const impaired = await Promise.all(
      [...checkers, provider].map(({ namespace }) =>
        within(namespace, 'tc qdisc add dev eth0 root netem delay 80ms loss 1%').then(
          () => true,
          () => false,
        ),
      ),
    )
    return {
      chainAddress: `${outer}.1`,
      hostOf: (kind, number) => (kind === 'provider' ? provider : checkers[(number - 1) % checkers.length]!),
      isImpaired: impaired.every(each => each),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
