/**
 * The two records a Provider signs in a DeviceReport: which device this is, and on what it runs. Both travel as canonical
 * JSON; what is signed and registered is keccak256 of those bytes, so a receiver hashes the text it got and then parses it.
 */
import { type Address, encodeAbiParameters, type Hex, stringToBytes } from 'viem'
import { z } from 'zod'
import { keccak256 } from '../platform/keccak.ts'
import { canonicalJson } from './canonical-json.ts'
import { plainText } from './primitives.ts'

const text = plainText(256).min(1)
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** Where a device's identity comes from, strongest first. `host-slot` and `network-address` are fallbacks, which the probe notes. */
const identitySources = [
  'uuid',
  'unique-id',
  'serial',
  'board-id',
  'machine-id',
  'product-uuid',
  'pci-address',
  'network-address',
  'host-slot',
] as const

/** A device as the probe claims it: one GPU, one MIG instance or compute partition of a GPU, one vGPU, or the CPU of a host without a GPU. */
export const deviceRecordSchema = z.object({
  version: z.literal(1),
  kind: z.enum(['gpu', 'mig', 'partition', 'vgpu', 'cpu']),
  vendor: z.enum(['nvidia', 'amd', 'intel', 'cpu']),
  /** The name its own tool reports, unchanged. */
  model: text,
  /** Stable hardware identity; never an index. */
  identity: text,
  identitySource: z.enum(identitySources),
  /** `domain:bus:device.function`, lower case, four-digit domain where it fits. */
  pciBusId: text.nullable(),
  /** `vendor:device`, four lower-case hex digits each. */
  pciDeviceId: text.nullable(),
  /** Device memory in MiB as reported; for a CPU host memory, to the nearest GiB. */
  memoryMiB: count.nullable(),
  /** Kernel driver version; null for a CPU. */
  driver: text.nullable(),
  /** VBIOS version. */
  firmware: text.nullable(),
  /** CPU only: logical cores. */
  cores: count.nullable(),
  /** CPU only: instruction sets that decide which kernels run, sorted. */
  isa: z.array(plainText(32)).max(64),
  /** MIG, compute partition and vGPU: what part of which physical card. */
  part: z
    .object({
      /** Identity of the physical card, where it can be seen. */
      of: text.nullable(),
      profile: text.nullable(),
      gpuInstance: count.nullable(),
      computeInstance: count.nullable(),
    })
    .nullable(),
})
export type DeviceRecord = z.infer<typeof deviceRecordSchema>

/** What the device's process runs on. `clockOffsetMs` is local clock minus block time; null where no block was seen. */
export const environmentRecordSchema = z.object({
  version: z.literal(1),
  kaisar: text,
  os: text,
  kernel: text,
  architecture: text,
  /** Hypervisor, or null on bare metal as far as can be seen. */
  virtualisation: text.nullable(),
  /** Container runtime, or null. */
  container: text.nullable(),
  node: text,
  onnxRuntime: text.nullable(),
  /** Execution providers that really ran a graph here, in order of preference. */
  executionProviders: z.array(plainText(32)).max(16),
  /** What the self-test chose for each device, as `provider/form`: which exact kernel did the work. */
  kernels: z.array(plainText(32)).max(16).optional(),
  memoryMiB: count,
  diskFreeMiB: count.nullable(),
  clockOffsetMs: z.number().int().nullable(),
})
export type EnvironmentRecord = z.infer<typeof environmentRecordSchema>

export const encodeDeviceRecord = (record: DeviceRecord): string => canonicalJson(deviceRecordSchema.parse(record))
export const encodeEnvironmentRecord = (record: EnvironmentRecord): string =>
  canonicalJson(environmentRecordSchema.parse(record))

/** keccak256 of a record's canonical text: `deviceHash`, `environmentHash` and `attestationHash` of a DeviceReport. */
export const hashRecordText = (canonicalText: string): Hex => keccak256(stringToBytes(canonicalText))
export const deviceHash = (record: DeviceRecord): Hex => hashRecordText(encodeDeviceRecord(record))
export const environmentHash = (record: EnvironmentRecord): Hex => hashRecordText(encodeEnvironmentRecord(record))

/** The bytes32 under which an operator registers this hardware; `deviceId` on chain also covers the operator. */
export const localId = (record: Pick<DeviceRecord, 'identity'>): Hex =>
  keccak256(stringToBytes(`kaisar/local-id/v1\n${record.identity}`))

/** Hash of the hardware alone: equal before and after a driver or VBIOS update. Bound into the device certificate. */
export const hardwareHash = (record: DeviceRecord): Hex => deviceHash({ ...record, driver: null, firmware: null })

/** keccak256(abi.encode(operator, localId)): the id under which DeviceRegistry knows a device. No other operator can register under the same id. */
export const deviceIdOf = (operator: Address, ofHardware: Hex): Hex =>
  keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }], [operator, ofHardware]))
