import { defineErrors } from '../platform/errors.ts'

export const reportErrors = defineErrors({
  REPORT_KEY_INVALID: {
    message: 'The signing key is not a valid secp256k1 private key.',
    meaning: 'A private key is a number of 32 bytes between 1 and the order of the curve.',
    fix: 'Import the key again with "kaisar keys import", or make a new one with "kaisar keys new".',
    exit: 3,
  },
  REPORT_SIGNATURE_INVALID: {
    message: 'The signature is invalid: {problem}.',
    meaning:
      'A signature is 65 bytes r ‖ s ‖ v with s in the lower half of the order and v 27 or 28: one form, which the contracts accept too.',
    refusal: true,
  },
  REPORT_SAMPLE_REFUSED: {
    message: 'The sample request is refused: {problem}.',
    meaning:
      'A seat fixes its sampling secret in its offer, and the chain fixes the sampling block. Another secret, commitment or block would let the seat choose rows.',
    refusal: true,
  },
  REPORT_BUNDLE_MALFORMED: {
    message: 'This is not an evidence bundle: {problem}.',
    meaning: 'A bundle has exactly one encoding. This file is damaged, cut short, or of another kind.',
    fix: 'Fetch the bundle again by its hash from one of the seats, and compare the hash.',
    exit: 4,
  },
  REPORT_BUNDLE_VERSION_UNKNOWN: {
    message: 'The evidence bundle has version {version}, which this release does not know.',
    meaning: 'The bundle was written by a newer release.',
    fix: 'Update kaisar and verify the bundle again.',
    exit: 4,
  },
  REPORT_EVIDENCE_INVALID: {
    message: 'The evidence tree cannot be built: {problem}.',
    meaning: 'The tree has one leaf for each lane of a cohort and each of the `maxRounds` rounds that the chain names.',
    fix: 'Report this with the log: the caller has a defect.',
  },
  REPORT_SHOWN_INVALID: {
    message: 'What a seat shows of a device does not hold: {problem}.',
    meaning:
      'A Checker shows the rounds of a device in an epoch, each with a proof of its leaf below the evidence root that the seat opened on chain.',
    fix: 'Do without it: the seat is wrong or lies, and nothing on chain depends on what it shows.',
  },
  ENROLMENT_UNREADABLE: {
    message: '{path} is no enrolment: {reason}.',
    meaning:
      'An enrolment is the file that "kaisar provider enrol" prints on the host whose devices are to be registered.',
    fix: 'Let the host write it again, and bring it here unchanged.',
    exit: 2,
  },
})
