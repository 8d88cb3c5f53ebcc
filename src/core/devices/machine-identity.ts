import { createHash } from 'node:crypto'
import type { DeviceRecord } from '../protocol/device-record.ts'
import type { Host } from './host.ts'

/** What tells this machine from others, hashed: machine ids are confidential (machine-id(5)) and are never sent. */
export type MachineIdentity = {
  /** A version-8 UUID derived from the source. */
  readonly uuid: string
  readonly source: Extract<
    DeviceRecord['identitySource'],
    'machine-id' | 'product-uuid' | 'network-address' | 'host-slot'
  >
  /** Why a weaker source was taken, or null. */
  readonly reason: string | null
}

export type NetworkInterfaces = Readonly<
  Record<string, readonly { readonly mac: string; readonly internal: boolean }[] | undefined>
>

const usable = (id: string | null): string | null => {
  const text = id?.trim().toLowerCase() ?? ''
  // systemd writes "uninitialized" into images; firmware writes all zeros or all ones where nobody set a UUID.
  return /^[0-9a-f-]{32,36}$/.test(text) && !/^[0-]*$|^[f-]*$/.test(text) ? text : null
}

/** Formats 16 bytes of SHA-256 over a purpose and a value as a version-8 UUID (RFC 9562). */
export function derivedUuid(purpose: string, value: string): string {
  const bytes = createHash('sha256').update(`kaisar/${purpose}/v1\n${value}`).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** machine-id, else the firmware's product UUID, else network addresses, else the host name. */
export async function readMachineIdentity(
  host: Pick<Host, 'readText' | 'networkInterfaces' | 'hostname'>,
): Promise<MachineIdentity> {
  const identity = (source: MachineIdentity['source'], id: string, reason: string | null = null) => ({
    ...{ uuid: derivedUuid('machine', id), source, reason },
  })
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const id = usable(await host.readText(path, 256))
    if (id) return identity('machine-id', id)
  }
  const product = usable(await host.readText('/sys/class/dmi/id/product_uuid', 256))
  if (product)
    return identity(
      'product-uuid',
      product,
      '/etc/machine-id is missing or not set, as in many containers; the firmware product UUID is used.',
    )
  const addresses = Object.values(host.networkInterfaces())
    .flatMap(entries => entries ?? [])
    .filter(({ mac, internal }) => !internal && mac !== '00:00:00:00:00:00')
    .map(({ mac }) => mac.toLowerCase())
    .sort()
  if (addresses.length > 0)
    return identity(
      'network-address',
      [...new Set(addresses)].join(','),
      'No machine id and no firmware UUID can be read; identity comes from network addresses and changes with them. Mount the host’s /etc/machine-id into the container.',
    )
  return identity(
    'host-slot',
    host.hostname(),
    'No machine id, firmware UUID or network address can be read; identity is the host name. Mount the host’s /etc/machine-id into the container.',
  )
}
