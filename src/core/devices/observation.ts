/** What one output of one tool says, before sources are put together. */
import type { DeviceReadings } from './probed-device.ts'

export type Vendor = 'nvidia' | 'amd' | 'intel'

/** Something wrong that a text says, with the card it says it of. The fault table gives code its meaning. */
export type SeenFault = {
  readonly code: string
  readonly detail: string | null
  /** Whose tool or driver says it; default: that of the observation. */
  readonly vendor?: Vendor | null
  readonly pciBusId?: string | null
  readonly uuid?: string | null
  /** The tool's own number of the card, where that is all it says. */
  readonly index?: number | null
  /** Seen in a log only: the card may have recovered since. */
  readonly past?: boolean
}

/** How much a source knows of a device, weakest last. A log line or a table row shows that a card is there, not how it is. */
export const listings = ['full', 'query', 'list', 'procfs', 'table', 'log'] as const
export type Listing = (typeof listings)[number]

/** A MIG instance of an NVIDIA card, or a compute partition of an AMD card (with its number as `gpuInstance`). */
export type ObservedPart = {
  readonly index: number | null
  readonly uuid: string | null
  readonly profile: string | null
  readonly gpuInstance: number | null
  readonly computeInstance: number | null
  readonly memoryMiB: number | null
  readonly memoryUsedMiB: number | null
  readonly multiprocessors: number | null
  readonly faults: readonly SeenFault[]
}

export type ObservedDevice = {
  readonly vendor: Vendor
  readonly listing: Listing
  readonly index: number | null
  readonly name: string | null
  readonly uuid: string | null
  readonly serial: string | null
  /** Another factory-set number (NVIDIA's PDI, AMD's unique id where it is not the UUID). */
  readonly boardId: string | null
  readonly pciBusId: string | null
  readonly pciDeviceId: string | null
  readonly memoryMiB: number | null
  readonly driver: string | null
  readonly computeApi: string | null
  readonly firmware: string | null
  readonly architecture: string | null
  /** NVIDIA's tool names a driver model (WDDM, TCC, MCDM) on Windows and in WSL, and prints N/A on Linux; null where it is not said. */
  readonly windows: boolean | null
  /** The device is a slice that a hypervisor gave this guest. */
  readonly vgpu: boolean
  readonly partsEnabled: boolean | null
  readonly parts: readonly ObservedPart[]
  readonly readings: Partial<DeviceReadings>
  readonly faults: readonly SeenFault[]
  readonly notes: readonly { readonly code: string; readonly detail: string }[]
}

export type Observation = {
  /** File or tool. */
  readonly source: string
  /** Outputs of one machine share it; PCI addresses and indices mean something only within it. */
  readonly host: string
  readonly format: string
  readonly vendor: Vendor | null
  readonly devices: readonly ObservedDevice[]
  readonly faults: readonly SeenFault[]
  /** How many cards the tool says there are, where it says so. */
  readonly attached: number | null
  /** Kernel driver version by a source other than the device list (procfs). */
  readonly kernelDriver: string | null
  /** Display and compute cards that the PCI bus shows, where this source lists them. */
  readonly pciCards: readonly PciCard[] | null
  /** It names a card without saying how it is, as a log of a driver that loads does. */
  readonly mentionsCards: boolean
  /** What is said that is no fault. */
  readonly notes: readonly { readonly code: string; readonly detail: string }[]
}

/** Ids are four lower-case hex digits; the device id is null where the list leaves it out. */
export type PciCard = {
  readonly address: string
  readonly vendorId: string
  readonly deviceId: string | null
  readonly driver: string | null
}

export const observedDevice = (
  known: Pick<ObservedDevice, 'vendor' | 'listing'> & Partial<ObservedDevice>,
): ObservedDevice => ({
  index: null,
  name: null,
  uuid: null,
  serial: null,
  boardId: null,
  pciBusId: null,
  pciDeviceId: null,
  memoryMiB: null,
  driver: null,
  computeApi: null,
  firmware: null,
  architecture: null,
  windows: null,
  vgpu: false,
  partsEnabled: null,
  parts: [],
  readings: {},
  faults: [],
  notes: [],
  ...known,
})

export const observation = (
  known: Pick<Observation, 'source' | 'host' | 'format'> & Partial<Observation>,
): Observation => ({
  vendor: null,
  devices: [],
  faults: [],
  attached: null,
  kernelDriver: null,
  pciCards: null,
  mentionsCards: false,
  notes: [],
  ...known,
})

/** One text to read: a tool's whole output, a section of a capture, or a file of an operator. */
export type Capture = {
  readonly source: string
  readonly host: string
  /** The command that printed it, where known. */
  readonly command: string | null
  readonly text: string
  readonly exitCode: number | null
  /** Whose tool printed it, where that is known. */
  readonly vendor?: Vendor
}
