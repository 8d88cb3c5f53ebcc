import { definePreconditions } from '../../platform/errors.ts'

/** Enough to see what is wrong; a whole file of another kind would fill the screen. */
const shown = 10

export const transferErrors = definePreconditions({
  TRANSFERS_INVALID: {
    message: ({ problems }: { problems: readonly string[] }) =>
      `Nothing is sent: ${problems.slice(0, shown).join('; ')}${problems.length > shown ? `; and ${problems.length - shown} more` : ''}.`,
    meaning:
      'Each recipient is an address, KAI and the chain’s own coin: "0x…,1000,0.5" as a line of --file, "0x…=1000,0.5" with --to. An address is named once.',
    fix: 'Correct what the message names. Either amount may be left out: "0x…,,0.5" sends the coin alone.',
    exit: 2,
  },
  TRANSFERS_FILE_UNREADABLE: {
    message: '{path} cannot be read ({reason}).',
    meaning: 'The file named by --file does not exist, or this user may not read it.',
    fix: 'Name a file that exists; "-" reads from the standard input.',
    exit: 2,
  },
  TRANSFERS_DIFFER: {
    message: ({ name, differences }: { name: string; differences: readonly string[] }) =>
      `Under the name "${name}" other amounts were sent: ${differences.slice(0, shown).join('; ')}.`,
    meaning:
      'Under one name an address is sent one amount, once. Whether the new amount replaces it or comes on top is not known.',
    fix: 'Restore the amount; or, to send the new amounts on top, name those lines alone under another --name.',
  },
  TRANSFER_RECORD_UNFIT: {
    message: 'The record of what was sent, {path}, cannot be used: {reason}.',
    meaning:
      'Without the record of earlier transfers nobody knows what was sent already, and something could be sent twice.',
    fix: 'Restore the file from a backup. Otherwise look up what was sent, and send the rest under another --name.',
  },
  TRANSFER_DISPLACED: {
    message:
      '{what} was signed as transaction {hash} by an earlier run; the endpoints do not show it, and its nonce {nonce} was used.',
    meaning:
      'Another transaction of this key took the place of a transfer, or the endpoints have forgotten old transactions. Sent again the transfer could be paid twice.',
    fix: 'Look the transaction up on an explorer or an archive node. Where it was not mined, name what is missing under another --name.',
  },
})
