import { definePreconditions } from '../platform/errors.ts'

/** Enough to see what is wrong. */
const shown = 10

export const fleetErrors = definePreconditions({
  FLEET_EMPTY: {
    message: 'No device on this network is paid to {wallet}.',
    meaning:
      'A fleet is every device that is registered with one payout wallet, whichever operator keys its hosts have.',
    fix: 'Check the address and the network (--context); "kaisar chain devices" lists the payout wallet of every device.',
  },
  ENROLMENT_FILE_UNREADABLE: {
    message: '{path} cannot be read ({reason}).',
    meaning: 'The file of an enrolment does not exist, or this user may not read it.',
    fix: 'Name files that exist; "kaisar provider enrol > <file>" writes one on each host.',
    exit: 2,
  },
  ENROLMENTS_REFUSED: {
    message: ({ problems }: { problems: readonly string[] }) =>
      `Nothing is sent: ${problems.slice(0, shown).join('; ')}${problems.length > shown ? `; and ${problems.length - shown} more` : ''}.`,
    meaning:
      'A consent holds for one network, one payer, one payout wallet and one registration of one device, and not where anything in it was changed.',
    fix: 'Leave these files out, or let their hosts write them again with "kaisar provider enrol".',
  },
  ENROLMENT_KEY_NOT_PAYER: {
    message: 'The key is that of {key}, and {payer} is to pay: nothing is sent.',
    meaning:
      'The contract takes a signed registration from the payer that it names alone, and the deposits from its KAI.',
    fix: 'Name the payer’s key with --key, or print the calls for its wallet with --calldata or --safe.',
  },
  FLEET_HOSTS_UNREADABLE: {
    message: 'The list of hosts {path} cannot be used: {reason}.',
    meaning:
      'Expected is one address of a Provider’s metrics a line, such as http://10.0.0.7:9464; lines with # are comments.',
    fix: 'Correct the file; a Provider serves metrics where it is started with --metrics-port and --metrics-host.',
    exit: 2,
  },
  WEBHOOK_URL_INVALID: {
    message: "The webhook's URL cannot be used: {reason}.",
    meaning:
      'Reports go to https:// addresses of the internet, unless another one is allowed: a wrong address must not make this host send requests into its own network.',
    fix: 'Give the URL as the service shows it; --webhook-private allows http:// and addresses of your own network.',
    exit: 2,
  },
  WEBHOOK_FAILED: {
    message: ({ host, attempts, reason }: { host: string; attempts: number; reason: string }) =>
      `The webhook at ${host} took nothing in ${attempts === 1 ? 'one attempt' : `${attempts} attempts`}: ${reason}.`,
    meaning:
      'The service did not answer, is busy, or refused what it was sent. What was to be reported is reported again with the next look.',
    fix: 'Check that the webhook still exists, and its form with --webhook-form.',
    exit: 1,
  },
})
