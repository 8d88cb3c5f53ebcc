import { Flags } from '@oclif/core'
import type { Hex } from 'viem'
import { attestationErrors } from '../../core/attestation/errors.ts'
import { platformErrors } from '../../core/platform/platform-errors.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { keyFlags } from '../key-flags.ts'

export default class ProviderAttest extends BaseCommand<typeof ProviderAttest> {
  static override description =
    `Collect attestation evidence of this machine's NVIDIA cards and verify it as a Checker would.

The cards sign a nonce that is bound to the network, the operator, the device and a challenge. Needs NVIDIA's collector (nvattest).`
  static override examples = examples(
    '--chain-id 31337 --operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '--challenge 7a1f… --json',
  )
  static override flags = {
    ...chainFlags,
    key: keyFlags.key,
    operator: Flags.string({ description: 'Operator address. Default: that of --key', helpValue: '<address>' }),
    'chain-id': Flags.integer({ description: 'Network the evidence is for. Default: that of the context', min: 1 }),
    challenge: Flags.string({
      description: 'A Checker’s challenge, 64 hexadecimal digits. Default: random',
      helpValue: '<hex>',
    }),
  }

  async run() {
    const { attestDevice } = await import('../../core/attestation/attest-device.ts')
    const { parseNonce } = await import('../../core/attestation/verify-files.ts')
    const { createHostProbe } = await import('../../core/devices/host-probe.ts')
    const { nodeHost: host } = await import('../../core/devices/host.ts')
    const { randomBytes } = await import('node:crypto')
    const challengeBytes = this.flags.challenge === undefined ? randomBytes(32) : parseNonce(this.flags.challenge)
    const challenge: Hex = `0x${challengeBytes.toString('hex')}`
    const { devices } = await createHostProbe({}, { host }).probe()
    const cards = devices.filter(({ record }) => record.vendor === 'nvidia' && record.kind === 'gpu')
    if (cards.length === 0) throw attestationErrors.ATTESTATION_NO_CARD()
    const provider = await this.operatorAddress()
    const chainId = this.flags['chain-id'] ?? (await this.contextChainId())
    const attested = []
    for (const [position, device] of cards.entries()) {
      this.progress(`Asking for evidence of ${device.record.model} …`)
      const one = await attestDevice({ chainId, provider, challenge, device, position, cards: cards.length }, { host })
      this.log(
        `${one.result.valid ? 'VALID' : 'NOT VALID'}  ${device.record.model}  ${one.device}  ${one.result.reason ?? ''}`,
      )
      attested.push({ ...one, evidence: JSON.parse(one.evidence) as unknown })
    }
    const data = { chainId, provider, challenge, devices: attested }
    const failed = attested.findIndex(({ result }) => !result.valid)
    const result = attested[failed]?.result
    if (result?.failedStep)
      this.fail(
        attestationErrors.ATTESTATION_INVALID({
          step: result.failedStep,
          reason: result.reason ?? '',
          device: failed + 1,
          of: attested.length,
        }),
        data,
      )
    return data
  }

  private async operatorAddress() {
    const { getAddress, isAddress } = await import('viem')
    const { operator, key } = this.flags
    if (operator !== undefined) {
      if (!isAddress(operator, { strict: false })) throw platformErrors.ADDRESS_INVALID({ input: operator })
      return getAddress(operator)
    }
    const { keyFile, readKeystore } = await import('../../core/platform/key-folder.ts')
    const { keystoreAddress } = await import('../../core/platform/keystore.ts')
    const address = keystoreAddress(readKeystore(keyFile(this.dataDir, key)))
    if (address === undefined) throw attestationErrors.ATTESTATION_OPERATOR_MISSING({ key })
    return getAddress(address)
  }

  private async contextChainId(): Promise<number> {
    const { rpcUrls, chainId } = await this.chainTarget()
    if (chainId !== undefined) return chainId
    const { createPublicClient, http } = await import('viem')
    return createPublicClient({ transport: http(rpcUrls[0]) }).getChainId()
  }
}
