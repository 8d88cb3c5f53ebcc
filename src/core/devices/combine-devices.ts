// Why: docs/why/devices.md
import type { DeviceRecord } from '../protocol/device-record.ts'
import { usableSerial, usableUuid, vendorUuid } from './cell.ts'
import { listings, type Observation, type ObservedDevice, type ObservedPart, type SeenFault } from './observation.ts'

export type CombinedDevice = ObservedDevice & {
  readonly host: string
  readonly sources: readonly string[]
  /** Another device of the same host has the same UUID, so it identifies neither. */
  readonly uuidDuplicated: boolean
}

type Group = { host: string; members: { device: ObservedDevice; observation: Observation }[] }

const first = <T>(values: readonly (T | null)[]): T | null => values.find(value => value !== null) ?? null

/** The human table cuts names short and says so with three dots. */
const namesAgree = ({ name: a }: ObservedDevice, { name: b }: ObservedDevice): boolean => {
  const cut = (name: string) => (name.endsWith('...') ? name.slice(0, -3).trimEnd() : null)
  if (a === null || b === null || a === b) return true
  return (cut(a) !== null && b.startsWith(cut(a)!)) || (cut(b) !== null && a.startsWith(cut(b)!))
}

const pciAgree = (a: ObservedDevice, b: ObservedDevice): boolean =>
  a.pciBusId === null || b.pciBusId === null || a.pciBusId === b.pciBusId

/** UUIDs that one listing gives to more than one device. */
const duplicatedUuids = (devices: readonly ObservedDevice[]): string[] =>
  devices.flatMap(({ uuid }, at) => (uuid !== null && devices.findIndex(other => other.uuid === uuid) < at ? uuid : []))

/** Whether two identities contradict each other; what is masked, or given twice, says nothing. */
function identitiesDiffer(a: ObservedDevice, b: ObservedDevice, duplicated: ReadonlySet<string>): boolean {
  const usable = (uuid: string | null) => (uuid !== null && duplicated.has(uuid) ? null : usableUuid(uuid))
  const differ = (x: string | null, y: string | null) => x !== null && y !== null && x.toLowerCase() !== y.toLowerCase()
  return differ(usable(a.uuid), usable(b.uuid)) || differ(usableSerial(a.serial), usableSerial(b.serial))
}

function sameDevice(a: ObservedDevice, b: ObservedDevice, sameHost: boolean, duplicated: ReadonlySet<string>): boolean {
  if (a.vendor !== b.vendor || !namesAgree(a, b) || !pciAgree(a, b)) return false
  const [left, right] = [usableUuid(a.uuid), usableUuid(b.uuid)]
  if (left !== null && right !== null && !duplicated.has(left) && !duplicated.has(right)) return left === right
  if (!sameHost) return false
  if (a.pciBusId !== null && b.pciBusId !== null) return true
  // Nothing that identifies: the tool's own index, within one machine. A card that is lost keeps its number, and the list closes up.
  const isLost = [a, b].some(({ listing, pciBusId }) => listing === 'log' && pciBusId !== null)
  return !isLost && a.index !== null && a.index === b.index
}

/**
 * Sources that speak of one card speak of one machine: a card at one PCI address that nothing tells apart, in whatever files; with one
 * machine listed, logs and the like are of it too.
 */
function hostsOf(observations: readonly Observation[]): ReadonlyMap<string, string> {
  const parent = new Map(observations.map(({ host }) => [host, host]))
  const root = (host: string): string => {
    const up = parent.get(host)!
    return up === host ? host : root(up)
  }
  const join = (a: string, b: string) => parent.set(root(a), root(b))
  const named = observations.flatMap(({ host, devices }) => devices.map(device => ({ host, device })))
  const placed = named.filter(({ device }) => device.pciBusId !== null)
  const identified = placed.filter(({ device }) => usableUuid(device.uuid) !== null)
  const keyOf = ({ uuid, pciBusId, name }: ObservedDevice) => `${usableUuid(uuid)} ${pciBusId} ${name}`
  for (const [one, ...more] of Map.groupBy(identified, ({ device }) => keyOf(device)).values())
    for (const { host } of more) join(host, one!.host)
  const byAddress = Map.groupBy(placed, ({ device }) => `${device.vendor} ${device.pciBusId}`)
  const none: ReadonlySet<string> = new Set()
  for (const places of byAddress.values())
    for (const { host, device } of places.slice(0, 64)) {
      // Where several machines have such a card there, nobody can say whose this one is.
      const others = places.filter(
        other =>
          root(other.host) !== root(host) &&
          namesAgree(device, other.device) &&
          !identitiesDiffer(device, other.device, none),
      )
      const known = others.filter(other => usableUuid(other.device.uuid) !== null)
      const machines = new Set((known.length > 0 ? known : others).map(other => root(other.host)))
      if (machines.size === 1) join(host, [...machines][0]!)
    }
  const machinesOf = (fits: (one: ObservedDevice) => boolean) =>
    new Set(named.filter(({ device }) => fits(device)).map(({ host }) => root(host)))
  const listed = machinesOf(({ listing }) => listing !== 'log')
  const machines = listed.size > 0 ? listed : machinesOf(() => true)
  if (machines.size === 1) for (const host of parent.keys()) join(host, [...machines][0]!)
  return new Map([...parent.keys()].map(host => [host, root(host)]))
}

function combineParts(lists: readonly (readonly ObservedPart[])[]): readonly ObservedPart[] {
  const longest = lists.toSorted((a, b) => b.length - a.length)[0] ?? []
  return longest.map((part, at) =>
    lists.reduce<ObservedPart>((whole, list) => {
      const other =
        list.find(({ index }) => index !== null && index === part.index) ??
        (list.length === longest.length ? list[at] : undefined)
      if (!other) return whole
      const filled = Object.fromEntries(
        Object.entries(whole).map(([key, value]) => [key, value ?? other[key as keyof ObservedPart]]),
      )
      return { ...(filled as ObservedPart), faults: whole.faults.length > 0 ? whole.faults : other.faults }
    }, part),
  )
}

function combine({ host, members }: Group, duplicated: ReadonlySet<string>): CombinedDevice {
  const ranked = members.toSorted((a, b) => listings.indexOf(a.device.listing) - listings.indexOf(b.device.listing))
  const devices = ranked.map(({ device }) => device)
  const listed = devices.some(({ listing }) => listing === 'full' || listing === 'query')
  const faults = new Map<string, SeenFault>()
  for (const { device } of members)
    for (const fault of device.faults) {
      // A log tells what was: a card that answers now has come back since.
      const past = listed && device.listing === 'log' && device.faults.length > 0 && fault.code !== 'GPU_LOST'
      const known = faults.get(fault.code)
      // What a tool sees now is not over because a log has it, too.
      if (known === undefined || (known.past && !past)) faults.set(fault.code, past ? { ...fault, past } : fault)
    }
  // Of each value, what the source that knows most says.
  const fields = Object.fromEntries(
    Object.keys(devices[0]!).map(key => [key, first(devices.map(device => device[key as keyof ObservedDevice]))]),
  ) as ObservedDevice
  // Readings move: of several, the latest counts. Throttling that any of them saw did happen.
  const readings = Object.assign(
    {},
    ...members.map(({ device }) =>
      Object.fromEntries(Object.entries(device.readings).filter(([, value]) => value !== null)),
    ),
  )
  const throttleReasons = [...new Set(members.flatMap(({ device }) => device.readings.throttleReasons ?? []))]
  const processes =
    members.findLast(({ device }) => (device.readings.processes?.length ?? 0) > 0)?.device.readings.processes ?? []
  const uuid = first([...devices.map(device => usableUuid(device.uuid)), ...devices.map(device => device.uuid)])
  return {
    ...fields,
    host,
    uuid,
    vgpu: devices.some(({ vgpu }) => vgpu),
    parts: combineParts(devices.map(({ parts }) => parts).filter(parts => parts.length > 0)),
    readings: { ...readings, throttleReasons, processes },
    faults: [...faults.values()],
    notes: [...new Map(devices.flatMap(({ notes }) => notes).map(note => [note.code + note.detail, note])).values()],
    sources: [...new Set(members.map(({ observation }) => observation.source))],
    uuidDuplicated: uuid !== null && duplicated.has(uuid),
  }
}

/** Puts together what several sources say of one device, and keeps apart what they do not say is one. */
export function combineDevices(observations: readonly Observation[]): {
  readonly devices: readonly CombinedDevice[]
  /** The observations by machine, after sources that agree were joined. */
  readonly byHost: ReadonlyMap<string, readonly Observation[]>
} {
  const hosts = hostsOf(observations)
  const byHost = Map.groupBy(observations, ({ host }) => hosts.get(host)!)
  const duplicated = new Map(
    [...byHost].map(([host, own]) => [host, new Set(own.flatMap(({ devices }) => duplicatedUuids(devices)))]),
  )
  const groups: Group[] = []
  for (const observation of observations) {
    const host = hosts.get(observation.host)!
    for (const device of observation.devices) {
      const group = groups.find(
        ({ host: of, members }) =>
          !members.some(member => member.observation === observation) &&
          members.some(member => sameDevice(member.device, device, of === host, duplicated.get(host)!)),
      )
      if (group) group.members.push({ device, observation })
      else groups.push({ host, members: [{ device, observation }] })
    }
  }
  return { devices: groups.map(group => combine(group, duplicated.get(group.host)!)), byHost }
}

export type CardIdentity = Pick<DeviceRecord, 'identity' | 'identitySource'>

/** AMD's tools print one number with and without leading zeros and `0x`. */
const uniqueId = (raw: string): string => raw.replace(/^0x/i, '').toLowerCase().padStart(16, '0')

function strongest(device: CombinedDevice, others: readonly CombinedDevice[], machine: string | null): CardIdentity {
  const alone = (field: (one: CombinedDevice) => string | null): boolean =>
    others.filter(other => other !== device && other.host === device.host && field(other) === field(device)).length ===
    0
  const boardId = usableUuid(device.boardId)
  const boardAlone = boardId !== null && alone(other => other.boardId)
  if (device.vendor === 'amd' && boardId !== null && boardAlone)
    return { identity: `AMD-${uniqueId(boardId)}`, identitySource: 'unique-id' }
  const uuid = vendorUuid(device.uuid, device.vendor)
  if (uuid !== null && !device.uuidDuplicated) return { identity: uuid, identitySource: 'uuid' }
  if (boardId !== null && boardAlone) return { identity: `PDI-${boardId.toLowerCase()}`, identitySource: 'board-id' }
  const serial = usableSerial(device.serial)
  // Boards with two GPUs give both one serial number.
  if (serial !== null && alone(other => other.serial))
    return { identity: `${device.vendor}-serial-${serial}`, identitySource: 'serial' }
  const place = `${device.vendor}:${machine ?? 'unknown-machine'}`
  if (device.pciBusId !== null) return { identity: `${place}:pci-${device.pciBusId}`, identitySource: 'pci-address' }
  return { identity: `${place}:slot-${device.index ?? 0}`, identitySource: 'host-slot' }
}

/**
 * The strongest identity that tells this device from the others of its host: UUID, factory number, serial, PCI address.
 * `machine` (a derived UUID, or null in a recording) keeps slots of different hosts apart.
 */
export function identifyDevices(devices: readonly CombinedDevice[], machine: string | null): readonly CardIdentity[] {
  const taken = new Map<string, number>()
  return devices.map(device => {
    const found = strongest(device, devices, machine)
    // Two devices are never one, whatever their sources leave out.
    const times = taken.get(found.identity) ?? 0
    taken.set(found.identity, times + 1)
    return times === 0 ? found : { ...found, identity: `${found.identity}#${times}` }
  })
}
