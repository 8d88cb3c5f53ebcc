import { type Shortage, shortageText } from '../chain/funds.ts'
import { defineErrors } from '../platform/errors.ts'

export const checkerErrors = defineErrors({
  CHECKER_ROUND_UNKNOWN: {
    message: 'Round {round} is not open at this seat for this device.',
    meaning:
      'The message is about a round that has ended, that this seat does not judge, or of another operator’s device.',
    refusal: true,
  },
  CHECKER_COMMITMENT_UNBOUND: {
    message: 'The commitment names another {field} than the job offer.',
    meaning: 'A commitment counts only for the epoch, round, device, generation and specification that were offered.',
    fix: 'Update the Provider, and make sure that it follows the same chain.',
  },
  CHECKER_SIGNATURE_INVALID: {
    message: 'The message is not signed by the registered operator of the device.',
    meaning: 'The message was changed on the way, signed with another key, or for another network.',
    fix: 'Check that the Provider runs with the key it registered with, and on the same chain and contracts.',
  },
  CHECKER_COMMITMENT_LATE: {
    message: 'The commitment arrived after the window and its grace.',
    meaning: 'By this seat’s own sight of the trigger the time was over, or it had seen the sampling block.',
    fix: 'Check the Provider’s connection and clock; a slower RPC endpoint sees triggers later, so add a closer one.',
  },
  CHECKER_COMMITMENT_CONTRADICTS: {
    message: 'The device signed another commitment for this round before.',
    meaning: 'Two signed commitments for one round are proof of equivocation, whatever they say.',
    fix: 'Make sure that no second Provider runs with the same key.',
  },
  CHECKER_COMMITMENT_AFTER_BUSY: {
    message: 'The device signed before that it is busy in this round.',
    meaning: 'A device that is paused leaves the whole round out; it cannot do so and be paid for the same round.',
    fix: 'Make sure that no second Provider runs with the same key.',
  },
  CHECKER_BUSY_UNBOUND: {
    message: 'The word that the device is busy names another {field} than the job offer.',
    meaning:
      'The word that a device is busy counts only for the epoch, round, device and generation that were offered.',
    fix: 'Update the Provider, and make sure that it follows the same chain.',
  },
  CHECKER_BUSY_LATE: {
    message: 'The word that the device is busy arrived after the grace that follows the trigger.',
    meaning:
      'A device that saw the work first could choose whether to be busy, so its word counts for nothing after the grace; the round counts as missed.',
    fix: 'Check the Provider’s connection and clock; a slower RPC endpoint sees triggers later, so add a closer one.',
  },
  CHECKER_BUSY_AFTER_WORK: {
    message: 'The device has begun with this round, or signed off from it, and cannot be busy in it any more.',
    meaning: 'A pause that is asked for within a window begins after it.',
    fix: 'Make sure that no second Provider runs with the same key.',
  },
  CHECKER_OPENINGS_INVALID: {
    message:
      'The openings of commitment {commitmentHash} prove nothing: {reason} {left} more answers are taken until the opening deadline.',
    meaning: 'The rows could not be checked against the signed root: they were damaged, cut short, or of other rows.',
    fix: 'Answer the same request again in time; openings that never prove the rows count as none.',
  },
  CHECKER_OPENINGS_EXHAUSTED: {
    message: '{attempts} answers to this request proved nothing, so no other one is taken.',
    meaning: 'Each answer costs the seat a recomputation; what is damaged on the way arrives whole at the next try.',
    fix: 'Update the Provider, and check its memory with "kaisar provider self-test".',
  },
  CHECKER_PIECE_UNEXPECTED: {
    message: 'Piece {piece} of the openings came where piece {expected} of {pieces}, counted from 0, is due.',
    meaning:
      'Pieces are taken in order, each once, and no more of them than the sample needs. After a new connection those that are there come again.',
    refusal: true,
  },
  CHECKER_OPENINGS_LATE: {
    message: 'The openings arrived after the opening deadline.',
    meaning: 'By this seat’s own sight of the trigger the time was over.',
    fix: 'Check the Provider’s connection and clock; the round is over, and the next one is not affected.',
  },
  CHECKER_WRONG_WORK_UNPROVEN: {
    message: 'The forwarded work proves nothing: {reason}',
    meaning: 'Another seat claimed wrong work and this seat could not confirm it.',
    refusal: true,
  },
  CHECKER_PEER_REFUTED: {
    message: 'What the seat of {checker} shows of epoch {epoch} does not hold: {step}.',
    meaning:
      'The evidence of another seat was recomputed here and gives another result than its opening on chain: that seat did not recompute the work, or changed what it shows.',
    fix: 'Tell its operator, and keep the log: "kaisar checker verify" shows the same to anybody while that seat serves its evidence.',
  },
  CHECKER_PEER_SILENT: {
    message: '{endpoint} answered {status} for {path}.',
    meaning: 'A seat shows the rounds of an epoch until its records are settled; this one does not, or not any more.',
    fix: 'Nothing to do on this side: it is asked about another epoch later.',
  },
  CHECKER_PEER_IDLE: {
    message: '{endpoint} shows no round in which it recomputed anything.',
    meaning:
      'This seat saw a device work in an epoch for which another seat shows nothing: the other was away, or counts what it did not see.',
    fix: 'Nothing to do on this side: it is asked about another epoch later.',
  },
  CHECKER_PEER_UNSHOWN: {
    message: 'The seat of {checker} shows no work of epoch {epoch}, and showed none when it was asked before.',
    meaning:
      'A seat that recomputes has something to show; one that shows nothing cannot be told from one that does not.',
    fix: 'Look whether it runs a newer release, whose evidence this one does not read: then update this one. Else tell its operator: it is away, strangers take all that it answers, its records are gone, or there is nothing to show.',
  },
  CHECKER_MARK_UNKNOWN: {
    message: 'A window of this round has no mark {index} before its commitment.',
    meaning: 'Marks are sent while a memory window is worked, one for each part of it but the last.',
    refusal: true,
  },
  CHECKER_REPORT_UNASKED: {
    message: 'The device report answers a nonce that was not asked with, or was answered already.',
    meaning: 'Each nonce is asked with once and answered once; an answer that comes again is a replay.',
    refusal: true,
  },
  CHECKER_OPENING_UNAVAILABLE: {
    message: 'This seat has no opening for cohort {cohort} of epoch {epoch} that it may show now.',
    meaning: 'The seat did not commit for that epoch, is not of that cohort, or COMMIT is not closed yet.',
    refusal: true,
  },
  CHECKER_COMMITMENT_FOREIGN: {
    message:
      'The chain holds a commitment of this operator for epoch {epoch} that these records do not give; it is not opened.',
    meaning:
      'The state is older than the commitment (a restored backup, or a lost disk), or another machine runs with this key.',
    fix: 'Stop any other machine with this key, and never restore a backup over newer records; the next epoch is not affected.',
  },
  CHECKER_WINDOW_DIFFERS: {
    message: 'Rounds have a window of {windowMs} ms and their job specification one of {specWindowMs} ms.',
    meaning:
      'Figures are work of one window: with two of them a seat would give every device a wrong capacity, so it judges none.',
    fix: 'Nothing on this machine: the network’s owner has to schedule rules and specification that agree.',
    exit: 3,
  },
  CHECKER_BOND_MISSING: {
    message: ({ seats, ...shortage }: Shortage & { seats: number }) =>
      `${seats === 1 ? 'A seat needs' : `${seats} seats need`} a bond of ${shortageText(shortage)}`,
    meaning: 'A Checker is drawn by its bonded seats, and the bond is what it can lose for provable lies.',
    fix: 'Send what is missing to the operator’s address, from any wallet or with "kaisar wallet send <address> <amount>" (--gas sends the coin), and start again; or bond fewer seats with --seats.',
    exit: 3,
  },
})
