import { definePreconditions } from '../platform/errors.ts'

type FailedStep = { step: string; reason: string; device: number; of: number; fix?: string }

export const attestationErrors = definePreconditions({
  ATTESTATION_FILE_UNREADABLE: {
    message: 'The file {path} cannot be read.',
    meaning: 'A file with evidence, a certificate chain or a reference does not exist or may not be read.',
    fix: 'Check the path.',
  },
  ATTESTATION_CHAIN_MISSING: {
    message: '{path} holds a report in hexadecimal, and no certificate chain was given.',
    meaning: 'A report in hexadecimal comes with its chain in a file of its own; only the JSON form holds both.',
    fix: 'Add --chain <file> with the chain as PEM text, leaf first.',
    exit: 2,
  },
  ATTESTATION_NONCE_INVALID: {
    message: '"{nonce}" is not a nonce.',
    meaning: 'A nonce is 32 bytes.',
    fix: 'Give 64 hexadecimal digits.',
    exit: 2,
  },
  ATTESTATION_REFERENCE_INVALID: {
    message: '{path} is not a reference of NVIDIA firmware: it {reason}.',
    meaning: 'References (RIM) are SWID tags in XML with measurements.',
    fix: 'Give the .swidtag file as NVIDIA’s RIM service delivers it.',
    exit: 2,
  },
  ATTESTATION_INVALID: {
    message: ({ step, reason, device, of }: FailedStep) =>
      `The evidence ${of > 1 ? `of device ${device} of ${of} ` : ''}is not valid: step "${step}" failed (${reason}).`,
    meaning:
      'The evidence was not made by a genuine NVIDIA card in the state that was asked for, or not for this nonce.',
    fix: 'Collect fresh evidence on the card itself with "kaisar provider attest". If the same step fails again, the claim is wrong.',
    exit: 4,
  },
  ATTESTATION_OPERATOR_MISSING: {
    message: 'The keystore "{key}" does not state its address.',
    meaning: 'Evidence is bound to the operator’s address, and a keystore may leave it out.',
    fix: 'Pass --operator <address>.',
    exit: 2,
  },
  ATTESTATION_NO_CARD: {
    message: 'This machine has no NVIDIA card that could be attested.',
    meaning: 'Only NVIDIA data centre cards with confidential computing give evidence.',
    fix: 'Run the command on the machine that has the card. Devices without attestation work as well; they are not attested.',
  },
  ATTESTATION_COLLECTOR_MISSING: {
    message: 'NVIDIA’s evidence collector "{tool}" is not installed.',
    meaning:
      'Evidence is collected by a tool of NVIDIA’s attestation SDK; cards without confidential computing have none.',
    fix: 'Install the attestation SDK (github.com/NVIDIA/attestation-sdk). Without it the device works, and is not attested.',
  },
  ATTESTATION_COLLECTOR_FAILED: {
    message: '"{tool}" returned no evidence: {said}.',
    meaning: 'The card, its driver or its mode does not support attestation, or the collector failed.',
    fix: 'Check that confidential computing is on ("nvidia-smi conf-compute -f") and the card is one that supports it (Hopper or newer).',
  },
})
