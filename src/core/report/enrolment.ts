/**
 * The file with which a host lets somebody else register its devices: who pays, who is paid, and for each device a consent signed by the
 * host's operator key. It holds no secret, and only the payer can use it.
 */
import { type Address, type Hex, isAddressEqual } from 'viem'
import { z } from 'zod'
import { deviceIdOf } from '../protocol/device-record.ts'
import { plainText } from '../protocol/primitives.ts'
import type { Network, Signed, SignedMessage } from '../protocol/typed-data.ts'
import { reportErrors } from './errors.ts'
import { isSignedBy } from './signer.ts'

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), `is not ${bytes} bytes in hexadecimal digits`)
    .transform(text => text.toLowerCase() as Hex)
const address = hex(20)
const word = hex(32)

/** More than any host has; keeps a wrong file from filling memory and screen. */
const mostDevices = 256

const enrolmentSchema = z.object({
  kaisar: z.literal('enrolment'),
  version: z.literal(1),
  chainId: z.number().int().positive(),
  consensus: address,
  operator: address,
  payer: address,
  payout: address,
  devices: z
    .array(
      z.object({
        /** What the host says it is; not signed. */
        model: plainText(256).min(1),
        localId: word,
        generation: z.number().int().min(1).max(0xffff_ffff),
        deviceHash: word,
        certificateHash: word,
        attestedIdentity: word,
        signature: hex(65),
      }),
    )
    .max(mostDevices),
})

export type Enrolment = z.infer<typeof enrolmentSchema>

/** One device's consent. */
export type EnrolledDevice = Signed<'Registration'> & { readonly deviceId: Hex; readonly model: string }

/** @throws ENROLMENT_UNREADABLE */
export function parseEnrolment(text: string, path: string): Enrolment {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch (cause) {
    throw reportErrors.ENROLMENT_UNREADABLE({ path, reason: 'it is no JSON', cause })
  }
  const parsed = enrolmentSchema.safeParse(given)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue!.path.length === 0 ? '' : `${issue!.path.join('.')}: `
  throw reportErrors.ENROLMENT_UNREADABLE({ path, reason: `${where}${issue!.message}` })
}

/** The consents of a file, as they were signed. */
export const devicesOf = ({ operator, payer, payout, devices }: Enrolment): EnrolledDevice[] =>
  devices.map(({ model, signature, ...device }) => ({
    model,
    deviceId: deviceIdOf(operator, device.localId),
    message: { operator, payer, payout, ...device } satisfies SignedMessage<'Registration'>,
    signature,
  }))

/**
 * Why the contracts of this network would refuse a file, or why its payer should; empty where they would not.
 *
 * @param expected - who sends it, and the only wallet that its devices may be paid to
 */
export function enrolmentProblems(
  enrolment: Enrolment,
  expected: { readonly network: Network; readonly payer: Address; readonly payout: Address },
): string[] {
  const { chainId, consensus } = enrolment
  const { network, payer, payout } = expected
  if (chainId !== network.chainId || !isAddressEqual(consensus, network.consensus))
    return [`it is for another network: chain ${chainId}, EpochConsensus ${consensus}`]
  const problems = []
  if (!isAddressEqual(enrolment.payer, payer)) problems.push(`it names the payer ${enrolment.payer}, not ${payer}`)
  if (!isAddressEqual(enrolment.payout, payout))
    problems.push(`its devices would be paid to ${enrolment.payout}, not to ${payout}`)
  for (const [i, device] of devicesOf(enrolment).entries())
    if (!isSignedBy(network, 'Registration', device, enrolment.operator))
      problems.push(`device ${i + 1} is not signed by the operator ${enrolment.operator}`)
  return problems
}
