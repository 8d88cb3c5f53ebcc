/**
 * Everything that is signed, as EIP-712 types. A network has one domain, whose `verifyingContract` is EpochConsensus.
 * The contracts verify `Commitment` and `Receipt` (audits and slashing) and `Registration` too, so the order of their fields must never
 * change.
 */
import type { Address, Hex, TypedDataDomain } from 'viem'

export const signedTypes = {
  /**
   * Provider (or another Checker) → Checker, once per connection; bound to both TLS certificates and the server's nonce.
   * `claimHash` is keccak256(role of the sender in UTF-8 ‖ its device ids).
   */
  Session: [
    { name: 'operator', type: 'address' },
    { name: 'checker', type: 'address' },
    { name: 'clientCertificateHash', type: 'bytes32' },
    { name: 'serverCertificateHash', type: 'bytes32' },
    { name: 'serverNonce', type: 'bytes32' },
    { name: 'claimHash', type: 'bytes32' },
  ],
  /** Checker → Provider, at a trigger. `round` is the trigger's block hash; `secretHash` is keccak256 of the sampling secret. */
  JobOffer: [
    { name: 'epoch', type: 'uint64' },
    { name: 'round', type: 'bytes32' },
    { name: 'deviceId', type: 'bytes32' },
    { name: 'generation', type: 'uint32' },
    { name: 'specHash', type: 'bytes32' },
    { name: 'secretHash', type: 'bytes32' },
    { name: 'checker', type: 'address' },
  ],
  /** Provider → every seat of its committee: what the device finished inside the window. */
  Commitment: [
    { name: 'epoch', type: 'uint64' },
    { name: 'round', type: 'bytes32' },
    { name: 'deviceId', type: 'bytes32' },
    { name: 'generation', type: 'uint32' },
    { name: 'specHash', type: 'bytes32' },
    { name: 'rows', type: 'uint64' },
    { name: 'root', type: 'bytes32' },
    { name: 'environmentHash', type: 'bytes32' },
  ],
  /** Provider → seats, in place of a Commitment: this device cannot work this round, and the reason. */
  Abort: [
    { name: 'epoch', type: 'uint64' },
    { name: 'round', type: 'bytes32' },
    { name: 'deviceId', type: 'bytes32' },
    { name: 'generation', type: 'uint32' },
    { name: 'reason', type: 'string' },
  ],
  /** Provider → seats, in place of a Commitment: the owner has paused this device, which leaves this round out. */
  Busy: [
    { name: 'epoch', type: 'uint64' },
    { name: 'round', type: 'bytes32' },
    { name: 'deviceId', type: 'bytes32' },
    { name: 'generation', type: 'uint32' },
  ],
  /** Checker → Provider, after the sampling block: the revealed secret, and the hash of the commitment it opens. */
  SampleRequest: [
    { name: 'commitmentHash', type: 'bytes32' },
    { name: 'secret', type: 'bytes32' },
    { name: 'samplingBlockHash', type: 'bytes32' },
    { name: 'checker', type: 'address' },
  ],
  /** Checker → Provider: asks a device for its DeviceReport over a fresh nonce. */
  DeviceRequest: [
    { name: 'deviceId', type: 'bytes32' },
    { name: 'nonce', type: 'bytes32' },
    { name: 'checker', type: 'address' },
  ],
  /** Provider → Checker: the hashes of its device and environment records and of its certificate, for that nonce. */
  DeviceReport: [
    { name: 'deviceId', type: 'bytes32' },
    { name: 'generation', type: 'uint32' },
    { name: 'nonce', type: 'bytes32' },
    { name: 'deviceHash', type: 'bytes32' },
    { name: 'environmentHash', type: 'bytes32' },
    { name: 'certificateHash', type: 'bytes32' },
    { name: 'attestationHash', type: 'bytes32' },
  ],
  /** Checker → Provider, after COMMIT closes: what this seat put into its opening for the device's lane. */
  Receipt: [
    { name: 'epoch', type: 'uint64' },
    { name: 'cohort', type: 'uint32' },
    { name: 'lane', type: 'uint8' },
    { name: 'deviceId', type: 'bytes32' },
    { name: 'generation', type: 'uint32' },
    { name: 'rate', type: 'uint16' },
    { name: 'uptime', type: 'uint16' },
    { name: 'flags', type: 'uint8' },
  ],
  /**
   * Provider → owner, before it is registered: that `payer` registers this device and pays its deposit. It makes `generation` and none else,
   * so it holds once.
   */
  Registration: [
    { name: 'operator', type: 'address' },
    { name: 'payer', type: 'address' },
    { name: 'localId', type: 'bytes32' },
    { name: 'payout', type: 'address' },
    { name: 'generation', type: 'uint32' },
    { name: 'deviceHash', type: 'bytes32' },
    { name: 'certificateHash', type: 'bytes32' },
    { name: 'attestedIdentity', type: 'bytes32' },
  ],
} as const

export type SignedType = keyof typeof signedTypes

type FieldValue<T extends string> = T extends 'address'
  ? Address
  : T extends `bytes${string}`
    ? Hex
    : T extends 'uint64'
      ? bigint
      : T extends `uint${string}`
        ? number
        : T extends 'string'
          ? string
          : never

/** The TypeScript shape of a signed message: uint64 are bigint, smaller integers number, the rest hex. */
export type SignedMessage<T extends SignedType> = {
  [F in (typeof signedTypes)[T][number] as F['name']]: FieldValue<F['type']>
}

export type Signed<T extends SignedType> = { readonly message: SignedMessage<T>; readonly signature: Hex }

/** The network a signature is for. `consensus` is the EpochConsensus contract. */
export type Network = { readonly chainId: number; readonly consensus: Address }

export const signingDomain = ({ chainId, consensus }: Network) =>
  ({ name: 'Kaisar', version: '1', chainId, verifyingContract: consensus }) satisfies TypedDataDomain
