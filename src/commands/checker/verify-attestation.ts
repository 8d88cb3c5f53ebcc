import { Args, Flags } from '@oclif/core'
import { attestationErrors } from '../../core/attestation/errors.ts'
import { BaseCommand, examples } from '../base.ts'
import { fileFlag } from '../input-values.ts'

export default class CheckerVerifyAttestation extends BaseCommand<typeof CheckerVerifyAttestation> {
  static override description =
    `Verify NVIDIA attestation evidence offline: chain to the pinned root, signature, nonce, firmware.

Revocation is not checked (it needs NVIDIA's services); a missing reference is "unknown". Exit code 4 where evidence is not valid.`
  static override examples = examples('evidence.json --nonce 4f2c…', 'report.txt --chain chain.pem --json')
  static override args = {
    file: Args.string({
      description: 'Evidence as JSON (one or many devices), or a report as hexadecimal text',
      required: true,
    }),
  }
  static override flags = {
    chain: fileFlag('Certificate chain as PEM, leaf first, for a report in hexadecimal'),
    nonce: Flags.string({ description: 'What the card was asked to sign, 64 hexadecimal digits', helpValue: '<hex>' }),
    rim: Flags.string({
      description: 'Reference measurements (.swidtag) that you vouch for; may be given several times',
      helpValue: '<file>',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'minimum-driver': Flags.string({ description: 'Oldest driver to accept', helpValue: '<version>' }),
  }

  async run() {
    const { chain, nonce, rim, 'minimum-driver': minimumDriver } = this.flags
    const { invalidAt, verifyEvidenceFiles } = await import('../../core/attestation/verify-files.ts')
    const devices = await verifyEvidenceFiles({
      file: this.args.file,
      chain,
      nonce,
      references: rim ?? [],
      minimumDriver,
    })
    const failed = invalidAt(devices)
    const result = { valid: failed < 0, failedStep: devices[failed]?.failedStep ?? null, devices }
    devices.forEach((device, at) => {
      this.log(
        `Device ${at + 1}: ${device.device === 'switch' ? 'SWITCH, NOT JUDGED' : device.valid ? 'VALID' : 'NOT VALID'}  ${device.identity?.hardwareModel ?? ''} ${device.identity?.serialNumber ?? ''}`,
      )
      for (const { step, status, detail } of device.steps)
        this.log(`  ${status.padEnd(8)} ${step.padEnd(13)} ${detail}`)
      this.log(`  ${'unknown'.padEnd(8)} ${'revocation'.padEnd(13)} ${device.revocation}`)
    })
    const first = devices[failed]
    if (first?.failedStep) {
      const { failedStep: step, reason } = first
      this.fail(
        attestationErrors.ATTESTATION_INVALID({
          step,
          reason: reason ?? '',
          device: failed + 1,
          of: devices.length,
          ...(first.device === 'switch'
            ? { fix: 'Name the evidence of the GPUs; that of the switches beside them may be in the same file.' }
            : {}),
        }),
        result,
      )
    }
    return result
  }
}
