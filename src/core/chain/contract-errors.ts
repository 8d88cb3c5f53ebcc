/** The meaning of each custom error of the contracts, and what to do about it. */
import { hexToString } from 'viem'
import { errorNotes } from './abi/error-notes.ts'

type Explained = { readonly meaning: string; readonly fix: string }

const others = 'Nothing to do: somebody else made this call already. Daemons expect this and go on.'
const phase = 'Wait: "kaisar epoch status" shows where the epoch stands and when its next phase begins.'
const settle = 'Run "kaisar epoch settle", which makes every call that can be made now, or leave it to a keeper.'
const report = 'The call was built wrongly. With kaisar’s own commands this does not happen: report it.'
const owner = 'Make this call with the key of the network’s owner, which the deployment file names.'

/** By name: a fix, and a meaning where the contracts' own documentation has none. */
const known: Readonly<Record<string, string | Explained>> = {
  AllowanceOverflow: report,
  AllowanceUnderflow: report,
  AlreadyAnswered: { meaning: 'This seat has answered the audit.', fix: others },
  AlreadyBonded: 'Start the Checker with more --seats: "kaisar checker run" adds what is missing.',
  AlreadyClosed: { meaning: 'What was left of the epoch’s emission has gone back to the vault already.', fix: others },
  AlreadyCommitted: {
    meaning: 'This Checker has committed to its verdicts of the epoch; they cannot be changed any more.',
    fix: 'Nothing to do. If it repeats, two machines run with one key: stop one of them.',
  },
  AlreadySlashed: others,
  AlreadyStarted: {
    meaning: 'The network has started: epoch 0 is set.',
    fix: 'Nothing to do: "kaisar chain info" shows its epoch.',
  },
  AnswerInvalid: report,
  AuditClosed: {
    meaning: 'The time for answers to this audit is over.',
    fix: 'Keep the Checker running: it answers audits by itself, in time.',
  },
  AuditOpen: { meaning: 'The seat may still answer the audit.', fix: phase },
  BondHeld: 'Withdraw when the audits are over: "kaisar checker withdraw" says when.',
  CalldataLength: report,
  ChangePending:
    'Wait until the pending change is in force, in the epoch that the error names; then schedule the next one.',
  CohortResolved: others,
  DepositHeld: 'Withdraw when the audits are over: "kaisar device withdraw" says when.',
  DeviceLeaving: '"kaisar device list" shows when its deposit may leave; "kaisar device withdraw" returns it.',
  DeviceNotLeaving: 'Let it leave first, with "kaisar device exit".',
  DeviceNotSilent: others,
  EmissionShort: 'Fund the vault with "kaisar chain fund", or wait until the time that the error names.',
  EmptyCohort: 'Nothing to do: the cohort has no devices.',
  EmptyRecord: report,
  EmptyRoot: report,
  EpochUnopened: settle,
  EpochUnsettled: phase,
  GenerationTaken:
    'Nothing to do where the device is registered: "kaisar chain devices" lists it. Otherwise let its host write a new enrolment with "kaisar provider enrol".',
  GenerationOver: 'Nothing to do: offences of an earlier stay of a device are not punished any more.',
  IdentityTaken: 'Attest again once the other device has left, or leave the identity out.',
  IdentityUnconfirmed: 'Wait for an epoch in which the committee confirms the attestation.',
  InJail: {
    meaning: 'The Checker is in jail: it was struck too often.',
    fix: 'Wait until the epoch that the error names; the Checker then calls "unjail" by itself.',
  },
  InsufficientAllowance: {
    meaning: 'Less KAI was approved than was to be moved.',
    fix: 'Run the command again: it approves what it needs first.',
  },
  InsufficientBalance: {
    meaning: 'The address holds less KAI than was to be moved.',
    fix: 'Send KAI to it: "kaisar wallet balance" shows what is there, and "kaisar wallet send" moves it.',
  },
  InvalidEndpoint: 'Give a shorter --public-url; its certificate is made by "kaisar checker init".',
  InvalidPermit: { meaning: 'The signature of the permit is not the holder’s.', fix: report },
  InvalidSeatCount: 'Name no more seats than there are: "kaisar checker status" and "kaisar chain params" show them.',
  InvalidSupply: {
    meaning: 'The supply is above the token’s cap, or the treasury is the zero address.',
    fix: 'Deploy with a preset, and give --treasury a wallet.',
  },
  LaneMoving: 'Repeat the call in the epoch that the error names.',
  LaneUnpaid: settle,
  LengthMismatch: report,
  NoSeed: 'Nothing to do: no keeper made the epoch’s seed in time, so the epoch is empty. Run more keepers.',
  NotAudited: { meaning: 'No audit was drawn for this seat.', fix: 'Nothing to do.' },
  NotEquivocation: 'Nothing to do: the evidence shows no offence.',
  NotGuardian: 'Make this call with the key of the guardian, which the deployment file names.',
  NotInJail: { meaning: 'The Checker is not in jail.', fix: 'Nothing to do.' },
  NotKaisarContract: 'Nothing to do: only the contracts of this network make this call.',
  NotOperatorOrPayout: {
    meaning: 'Only the operator of a device and its payout wallet may let it leave.',
    fix: 'Use the key of one of them with --key, or --calldata; "kaisar device list" shows both.',
  },
  NotOwner: owner,
  NotPayout: {
    meaning: 'Only the payout wallet may do this.',
    fix: 'Use its key with --key, or print the call for it with --calldata or --safe.',
  },
  NotPayer:
    'Send it with the key of the payer that the enrolment names, or let the host write one for your key: "kaisar provider enrol --payer".',
  NotPinned: { meaning: 'No block is set yet from which the epoch’s seed will come.', fix: settle },
  NotStarted: {
    meaning: 'The network has no epochs yet.',
    fix: 'Wait for its owner to run "kaisar chain start".',
  },
  NothingOwed: { meaning: 'Nothing is owed to this address.', fix: 'Nothing to do.' },
  NothingToSlash: others,
  NothingToWithdraw: {
    meaning: 'No part of this Checker’s bond is being unbonded.',
    fix: 'Take seats out first, with "kaisar checker unbond".',
  },
  OpeningMalformed: report,
  OutOfBounds: 'Choose a value within the bounds that docs/contracts.md gives; the error names the parameter.',
  PauseResting: 'Wait until the time that the error names.',
  Paused: 'Wait until the time that the error names (block time in seconds); a pause ends by itself.',
  Permit2AllowanceIsFixedAtInfinity: report,
  PermitExpired: { meaning: 'The permit’s deadline is over.', fix: 'Sign a new one.' },
  PinExpired: settle,
  PinnedBlockAhead: 'Wait until the pinned block is mined.',
  ProofInvalid: report,
  QuorumPossible: phase,
  ReentrancyGuardReentrantCall: { meaning: 'The contract was called again from within its own call.', fix: report },
  RegistrationRefused:
    'Take the device out that the error names by its place, or mend what it says; nothing was registered.',
  RegistryFull: 'Wait until a device leaves.',
  SeatOrder: report,
  SeedNotDue: others,
  StartInThePast: 'Give more time with --in.',
  StartTooLate: 'Give less time with --in.',
  TooFewOwners:
    'A committee needs that many different owners: start more Checkers with "kaisar checker run"; "kaisar chain seats" lists them.',
  TooFewStrikes: 'Nothing to do: the Checker has too few strikes to be jailed.',
  TotalNotFixed: phase,
  TotalSupplyOverflow: report,
  TransferFailed:
    'Look at the balance of the address that pays with "kaisar wallet balance", and at what it has approved.',
  UnknownChecker: {
    meaning: 'This operator never bonded.',
    fix: 'Name the operator of a Checker: "kaisar chain seats" lists them.',
  },
  UnknownDevice: 'Name a device that is registered: "kaisar chain devices" lists them.',
  UnpaidEpoch: 'Nothing to do: pay begins with a later epoch, which "kaisar chain params" names.',
  WrongPhase: { meaning: 'The epoch is in another phase than this call is for.', fix: phase },
  WrongSeats: settle,
  WrongSigner:
    'Nothing to do where it is evidence: this operator did not sign it. An enrolment was altered, or is for another network: let its host write it again.',
  WrongWiring: 'Deploy all contracts anew, with one command and a key that sends nothing else.',
  ZeroAddress: 'Give the address of a wallet.',
  ZeroAmount: { meaning: 'The amount to move is 0.', fix: 'Give an amount above 0.' },
}

/** Every custom error of the contracts, by its name. */
export const contractErrors: ReadonlyMap<string, Explained> = new Map(
  Object.entries(known).map(([name, given]) => {
    const { meaning = errorNotes[name] ?? 'A defect in how the contract was called.', fix } =
      typeof given === 'string' ? { fix: given } : given
    return [name, { meaning, fix }]
  }),
)

/** An error as a person reads it: its name with its values, what it means, what to do. */
export function describeContractError(name: string, args: readonly unknown[] = []): string {
  if (name === 'Error') return String(args[0])
  const values = name === 'OutOfBounds' ? [hexToString(args[0] as `0x${string}`, { size: 32 })] : args.map(String)
  const called = `${name}(${values.join(', ')})`
  const explained = contractErrors.get(name)
  return explained === undefined ? called : `${called}. ${explained.meaning} ${explained.fix}`
}
