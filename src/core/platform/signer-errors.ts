import { definePreconditions } from './errors.ts'

export const signerErrors = definePreconditions({
  SIGNER_URL_INVALID: {
    // What was given is not shown: where the scheme is missing, a password in it could not be told from the rest.
    message: 'What was given as the URL of a signer is none.',
    meaning: 'A signer such as Web3Signer or clef is asked over http:// or https://.',
    fix: 'Give a URL such as http://127.0.0.1:9000 with --signer-url.',
    exit: 2,
  },
  SIGNER_UNREACHABLE: {
    message: 'The signer at {signer} does not answer: {reason}.',
    meaning: 'The connection was refused or broken off, or what answered does not speak JSON-RPC.',
    fix: 'Start the signer, and check --signer-url: its port, the path, and http or https.',
  },
  SIGNER_TIMEOUT: {
    message: 'The signer at {signer} did not answer {method} within {seconds} s.',
    meaning:
      'The signer took the request and stayed silent; clef does so while nobody approves the request. Nothing was sent.',
    fix: 'Approve the request sooner, or give the signer a rule for it; a daemon needs a signer that asks nobody.',
    exit: 1,
  },
  SIGNER_REFUSED: {
    message: 'The signer at {signer} refused {method}: {reason}',
    meaning:
      'The signer answered with an error: it does not know the account, a rule or a person refused, or it cannot do this.',
    fix: 'Read the reason, and the log of the signer.',
    exit: 1,
  },
  SIGNER_ADDRESS_UNKNOWN: {
    message: ({ signer, address, held }: { signer: string; address: string; held: readonly string[] }) =>
      `The signer at ${signer} has no key of ${address}; it has ${held.join(', ') || 'none'}.`,
    meaning: 'The account given with --signer-address is not among those that the signer lists.',
    fix: 'Give one of those, or load the key into the signer.',
  },
  SIGNER_ADDRESS_NEEDED: {
    message: ({ signer, held }: { signer: string; held: readonly string[] }) =>
      `The signer at ${signer} has ${held.length} keys: ${held.join(', ')}.`,
    meaning: 'The signer holds several keys, and only of a signer with one is it clear which one is meant.',
    fix: 'Say which key with --signer-address.',
    exit: 2,
  },
  SIGNER_CHAIN_MISMATCH: {
    message: 'The signer at {signer} signed for chain {actual}, but the transaction is for chain {expected}.',
    meaning:
      'Web3Signer signs for the chain it was started with, whichever one a request is meant for. Nothing was sent.',
    fix: 'Start the signer with --chain-id of this network, or name the network that was meant with --context.',
  },
  SIGNER_TRANSACTION_ALTERED: {
    message: 'The signer at {signer} signed another transaction than it was given: its {field} differs.',
    meaning:
      'A person or a rule changed the transaction in the signer, or the signer cannot be trusted. Nothing was sent.',
    fix: 'Approve transactions as they are; fees are limited with --max-fee-gwei and --max-tip-gwei.',
    exit: 1,
  },
  SIGNER_SIGNATURE_WRONG: {
    message: 'What the signer at {signer} signed is not signed by {address}, but by {actual}.',
    meaning:
      'The signer used another key, or hashed typed data in its own way: Web3Signer did so before it followed EIP-712. Nothing was sent.',
    fix: 'Check which key the signer has loaded for this account, and update the signer.',
  },
  SIGNER_KEY_NEEDED: {
    message: '"{command}" needs the key itself, which a signer does not give.',
    meaning:
      'A Checker derives the salts and sampling secrets of its seats from its key, so that a restart finds them again. A signer can sign, and nothing else.',
    fix: 'Leave --signer-url away and use a keystore with --key; a Provider, and every command that sends transactions, can use the signer.',
  },
})
