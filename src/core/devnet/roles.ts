/** Who takes part in a devnet. Keys are derived from names, the same in every devnet: worth nothing anywhere else. */
import { type Address, type Hex, stringToBytes } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import { keccak256 } from '../platform/keccak.ts'

export type Role = {
  /** E.g. `provider-1`. */
  readonly name: string
  readonly kind: 'provider' | 'checker'
  readonly operatorKey: Hex
  readonly operator: Address
  /** A wallet whose key no process of the devnet holds. */
  readonly payout: Address
}

export const devnetKey = (name: string): Hex => keccak256(stringToBytes(`kaisar devnet ${name}`))

const addressOf = (key: Hex): Address => privateKeyToAddress(key).toLowerCase() as Address

function role(kind: Role['kind'], number: number): Role {
  const name = `${kind}-${number}`
  const operatorKey = devnetKey(`${name} operator`)
  return { name, kind, operatorKey, operator: addressOf(operatorKey), payout: addressOf(devnetKey(`${name} payout`)) }
}

export const devnetRoles = ({ providers, checkers }: { providers: number; checkers: number }): Role[] => [
  ...Array.from({ length: checkers }, (_, i) => role('checker', i + 1)),
  ...Array.from({ length: providers }, (_, i) => role('provider', i + 1)),
]
