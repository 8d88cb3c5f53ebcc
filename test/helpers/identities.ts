import { webcrypto } from 'node:crypto'
import type { Hex } from 'viem'
import { createCertificate } from '../../src/core/transport/certificate.ts'
import type { Identity } from '../../src/core/transport/transport.ts'

const dependencies = { now: () => new Date(), crypto: webcrypto as webcrypto.Crypto }

/** A fresh certificate of a host of this role. */
export const createIdentity = (
  role: 'provider' | 'checker',
  operator: Hex = `0x${'11'.repeat(20)}`,
  deviceIds: readonly Hex[] = [],
): Promise<Identity> => createCertificate({ role, operator, deviceIds, hardwareHash: null }, dependencies)
