/** Lets somebody else register this host's devices: prepares them as a run does, and signs a consent for each that the chain does not know so. */
import type { Address } from 'viem'
import { getRoundRules } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { ExecutionProvider } from '../job/execution-provider.ts'
import type { Enrolment } from '../report/enrolment.ts'
import { type PreparingDependencies, prepareDevices } from './own-devices.ts'
import { type AttestIdentity, identityOf, isRegisteredSo, lookUp } from './register-devices.ts'
import { jobsInForce } from './rosters.ts'

export type EnrolOptions = {
  readonly network: ConnectedNetwork
  /** Who registers the devices and pays their deposits. */
  readonly payer: Address
  readonly payout: Address
  readonly executionProvider: ExecutionProvider | 'auto'
}

/**
 * @returns consents for the devices that are not registered, or not as they are now; none where all are
 * @throws as {@link prepareDevices}, PROVIDER_PAYOUT_DIFFERS
 */
export async function enrolDevices(
  { network, payer, payout, executionProvider }: EnrolOptions,
  { attest, ...dependencies }: PreparingDependencies & { readonly attest: AttestIdentity },
): Promise<Enrolment> {
  const { signer } = dependencies
  const jobs = jobsInForce(await getRoundRules(network))
  const { own, identity, close } = await prepareDevices({ executionProvider }, jobs, dependencies)
  try {
    const { certificateHash } = identity
    const known = await lookUp({ network, payout }, own)
    const wanted = known.filter(each => !isRegisteredSo(each, certificateHash))
    const operator = signer.address
    const devices = []
    for (const each of wanted) {
      const { deviceHash, localId, record } = each.own.probed
      const attestedIdentity = await identityOf(each, attest)
      const consent = { localId, generation: each.next, deviceHash, certificateHash, attestedIdentity }
      const signature = await signer.sign('Registration', { operator, payer, payout, ...consent })
      devices.push({ model: record.model, ...consent, signature })
    }
    const { chainId, consensus } = network
    return { kaisar: 'enrolment', version: 1, chainId, consensus, operator, payer, payout, devices }
  } finally {
    await close()
  }
}
