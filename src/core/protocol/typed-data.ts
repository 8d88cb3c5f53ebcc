/**
 * Everything that is signed, as EIP-712 types. A network has one domain, whose `verifyingContract` is EpochConsensus.
 * The contracts verify `Commitment` and `Receipt` (audits and slashing) and `Registration` too, so the order of their fields must never
 * change.
 */
import { type Address, type Hex, parseAbiParameters, type TypedDataDomain } from 'viem'

export const signedTypes = {
  /**
   * Provider (or another Checker) → Checker, once per connection; bound to both TLS certificates and the server's nonce.
   * `claimHash` is keccak256(role of the sender in UTF-8 ‖ its device ids).
   */
  Session: parseAbiParameters(
    'address operator, address checker, bytes32 clientCertificateHash, bytes32 serverCertificateHash, bytes32 serverNonce, bytes32 claimHash',
  ),
  /** Checker → Provider, at a trigger. `round` is the trigger's block hash; `secretHash` is keccak256 of the sampling secret. */
  JobOffer: parseAbiParameters(
    'uint64 epoch, bytes32 round, bytes32 deviceId, uint32 generation, bytes32 specHash, bytes32 secretHash, address checker',
  ),
  /** Provider → every seat of its committee: what the device finished inside the window. */
  Commitment: parseAbiParameters(
    'uint64 epoch, bytes32 round, bytes32 deviceId, uint32 generation, bytes32 specHash, uint64 rows, bytes32 root, bytes32 environmentHash',
  ),
  /** Provider → seats, in place of a Commitment: this device cannot work this round, and the reason. */
  Abort: parseAbiParameters('uint64 epoch, bytes32 round, bytes32 deviceId, uint32 generation, string reason'),
  /** Provider → seats, in place of a Commitment: the owner has paused this device, which leaves this round out. */
  Busy: parseAbiParameters('uint64 epoch, bytes32 round, bytes32 deviceId, uint32 generation'),
  /** Checker → Provider, after the sampling block: the revealed secret, and the hash of the commitment it opens. */
  SampleRequest: parseAbiParameters(
    'bytes32 commitmentHash, bytes32 secret, bytes32 samplingBlockHash, address checker',
  ),
  /** Checker → Provider: asks a device for its DeviceReport over a fresh nonce. */
  DeviceRequest: parseAbiParameters('bytes32 deviceId, bytes32 nonce, address checker'),
  /** Provider → Checker: the hashes of its device and environment records and of its certificate, for that nonce. */
  DeviceReport: parseAbiParameters(
    'bytes32 deviceId, uint32 generation, bytes32 nonce, bytes32 deviceHash, bytes32 environmentHash, bytes32 certificateHash, bytes32 attestationHash',
  ),
  /** Checker → Provider, after COMMIT closes: what this seat put into its opening for the device's lane. */
  Receipt: parseAbiParameters(
    'uint64 epoch, uint32 cohort, uint8 lane, bytes32 deviceId, uint32 generation, uint16 rate, uint16 uptime, uint8 flags',
  ),
  /**
   * Provider → owner, before it is registered: that `payer` registers this device and pays its deposit. It makes `generation` and none else,
   * so it holds once.
   */
  Registration: parseAbiParameters(
    'address operator, address payer, bytes32 localId, address payout, uint32 generation, bytes32 deviceHash, bytes32 certificateHash, bytes32 attestedIdentity',
  ),
}

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
