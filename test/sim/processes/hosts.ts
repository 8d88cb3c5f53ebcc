/**
 * Hosts on this machine: network namespaces on one bridge, three for Checkers and, behind a router that hides it (NAT), one for
 * Providers; what each of them sends comes 80 ms later, and 1% of it never, by the kernel's netem or by a process in its place.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { type SupervisedProcess, startSupervised } from '../../../src/core/platform/supervised-process.ts'

export type Hosts = {
  /** Where the chain is reached from all of them. */
  readonly chainAddress: string
  /** A host for each Checker, in turns, and the one behind the router for Providers. */
  hostOf(kind: 'checker' | 'provider', number: number): { readonly namespace: string; readonly address: string }
  /** What delays and loses packets; null where nothing does: neither netem nor a compiler is there. */
  readonly impairedBy: 'netem' | 'a process' | null
  close(): Promise<void>
}

/** What is missing here for it; null where nothing is. */
export function missingForHosts(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'the rights of root'
  const find = (tool: string) => ['/usr/sbin', '/sbin', '/usr/bin'].some(folder => existsSync(`${folder}/${tool}`))
  const missing = ['ip', 'tc', 'nft'].filter(tool => !find(tool))
  return missing.length > 0 ? `${missing.join(' and ')} (Debian: iproute2, nftables)` : null
}

const [delayMs, lossPercent] = [80, 1]

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

  const folder = mkdtempSync(join(tmpdir(), 'kaisar-hosts-'))
  const impairing: SupervisedProcess[] = []

  /** For kernels without netem: routes lead to a process that keeps packets for a while, loses some, and sends them on by eth0. */
  async function impairByProcess() {
    const binary = join(folder, 'impair')
    await execa('cc', ['-O1', '-o', binary, fileURLToPath(new URL('impair.c', import.meta.url))])
    const routes = [
      ...checkers.map(checker => ({ ...checker, to: `${outer}.0/24`, by: `dev eth0 src ${checker.address}` })),
      { ...provider, to: 'default', by: `via ${inner}.1 dev eth0` },
    ]
    for (const { namespace, address, to, by } of routes) {
      await within(namespace, 'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0')
      await new Promise<void>((resolve, reject) => {
        const args = ['netns', 'exec', namespace, binary, 'slow0', 'eth0', String(delayMs), String(lossPercent)]
        const child = startSupervised({
          name: `impair ${namespace}`,
          command: 'ip',
          args,
          onStdoutLine: () => resolve(),
        })
        child.then(started => {
          impairing.push(started)
          void started.exited.then(() => reject(new Error(`nothing impairs ${namespace}`)))
        }, reject)
      })
      await run(`ip -n ${namespace} link set slow0 up
        ip -n ${namespace} route del ${to}
        ip -n ${namespace} route add ${to} ${by} metric 100
        ip -n ${namespace} route add ${to} dev slow0 src ${address} metric 1`)
    }
  }

  const close = async () => {
    for (const child of impairing) await child.stop()
    rmSync(folder, { recursive: true, force: true })
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
    const netem = `tc qdisc add dev eth0 root netem delay ${delayMs}ms loss ${lossPercent}%`
    const hasNetem = await Promise.all([...checkers, provider].map(({ namespace }) => within(namespace, netem))).then(
      () => true,
      () => false,
    )
    const hasCompiler = existsSync('/usr/bin/cc')
    if (!hasNetem && hasCompiler) await impairByProcess()
    return {
      chainAddress: `${outer}.1`,
      hostOf: (kind, number) => (kind === 'provider' ? provider : checkers[(number - 1) % checkers.length]!),
      impairedBy: hasNetem ? 'netem' : hasCompiler ? 'a process' : null,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
