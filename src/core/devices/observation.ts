/** What one output of one tool says, before sources are put together. */
import type { PciCard } from './pci-cards.ts'
import type { DeviceReadings } from './probed-device.ts'

export type Vendor = 'nvidia' | 'amd' | 'intel'

/** Something wrong that a text says, with the card it says it of. The fault table gives code its meaning. */
export type SeenFault = {
  readonly code: string
  readonly detail: string | null
  /** Whose tool or driver says it; default: that of the observation. */
  readonly vendor?: Vendor | null
  readonly pciBusId?: string | null
  /** The tool's own number of the card, where that is all it says. */
  readonly index?: number | null
  /** Seen in a log only: the card may have recovered since. */
  readonly past?: boolean
}

/** How much a source knows of a device, weakest last. A log line or a table row shows that a card is there, not how it is. */
export const listings = ['full', 'query', 'list', 'procfs', 'table', 'log'] as const
export type Listing = (typeof listings)[number]

/** What is said of a part where a source says nothing. */
const unsaidOfPart = {
  index: null as number | null,
  uuid: null as string | null,
  profile: null as string | null,
  gpuInstance: null as number | null,
  computeInstance: null as number | null,
  memoryMiB: null as number | null,
  memoryUsedMiB: null as number | null,
  faults: [] as readonly SeenFault[],
}

/** A MIG instance of an NVIDIA card, or a compute partition of an AMD card (with its number as `gpuInstance`). */
export type ObservedPart = Readonly<typeof unsaidOfPart>

/** What is said of a device where a source says nothing. */
const unsaidOfDevice = {
  index: null as number | null,
  name: null as string | null,
  uuid: null as string | null,
  serial: null as string | null,
  /** Another factory-set number (NVIDIA's PDI, AMD's unique id where it is not the UUID). */
  boardId: null as string | null,
  pciBusId: null as string | null,
  pciDeviceId: null as string | null,
  memoryMiB: null as number | null,
  driver: null as string | null,
  computeApi: null as string | null,
  firmware: null as string | null,
  architecture: null as string | null,
  /** NVIDIA's tool names a driver model (WDDM, TCC, MCDM) on Windows and in WSL, and prints N/A on Linux; null where it is not said. */
  windows: null as boolean | null,
  /** The device is a slice that a hypervisor gave this guest. */
  vgpu: false,
  partsEnabled: null as boolean | null,
  parts: [] as readonly ObservedPart[],
  readings: {} as Partial<DeviceReadings>,
  faults: [] as readonly SeenFault[],
  notes: [] as readonly { readonly code: string; readonly detail: string }[],
}

export type ObservedDevice = Readonly<typeof unsaidOfDevice> & {
  readonly vendor: Vendor
  readonly listing: Listing
}

/** What an output says where it says nothing. */
const unsaid = {
  vendor: null as Vendor | null,
  devices: [] as readonly ObservedDevice[],
  faults: [] as readonly SeenFault[],
  /** How many cards the tool says there are, where it says so. */
  attached: null as number | null,
  /** Kernel driver version by a source other than the device list (procfs). */
  kernelDriver: null as string | null,
  /** Display and compute cards that the PCI bus shows, where this source lists them. */
  pciCards: null as readonly PciCard[] | null,
  /** It names a card without saying how it is, as a log of a driver that loads does. */
  mentionsCards: false,
  /** What is said that is no fault. */
  notes: [] as readonly { readonly code: string; readonly detail: string }[],
}

export type Observation = Readonly<typeof unsaid> & {
  /** File or tool. */
  readonly source: string
  /** Outputs of one machine share it; PCI addresses and indices mean something only within it. */
  readonly host: string
  readonly format: string
}

export const observedPart = (known: Partial<ObservedPart>): ObservedPart => ({ ...unsaidOfPart, ...known })

export const observedDevice = (
  known: Pick<ObservedDevice, 'vendor' | 'listing'> & Partial<ObservedDevice>,
): ObservedDevice => ({ ...unsaidOfDevice, ...known })

export const observation = (
  known: Pick<Observation, 'source' | 'host' | 'format'> & Partial<Observation>,
): Observation => ({ ...unsaid, ...known })

/** One text to read: a tool's whole output, a section of a capture, or a file of an operator. */
export type Capture = {
  readonly source: string
  readonly host: string
  /** The command that printed it, where known. */
  readonly command: string | null
  readonly text: string
  /** Whose tool printed it, where that is known. */
  readonly vendor?: Vendor
}
