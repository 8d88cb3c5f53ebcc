import { defineErrors } from '../platform/errors.ts'
import { exactUnits } from '../platform/exact-units.ts'
import type { Funds } from './funds.ts'

type MovedNonce = { deployer: string; what: string; expected: number; actual: number; firstNonce: number }

export const chainErrors = defineErrors({
  RPC_URL_INVALID: {
    message: 'Not a JSON-RPC URL: {url}',
    meaning: 'JSON-RPC is reached over http://, https://, ws:// or wss://.',
    fix: 'Give a URL such as http://127.0.0.1:8545 with --rpc-url.',
    exit: 2,
  },
  RPC_UNREACHABLE: {
    message: 'No JSON-RPC endpoint answers: {endpoints}.',
    meaning: 'Every given endpoint refused the connection, timed out, limited our rate or was dropped.',
    fix: 'Check the addresses given with --rpc-url, add a second one, or start a local network with "kaisar devnet up". Behind a proxy set HTTPS_PROXY (for http:// endpoints HTTP_PROXY) and NODE_USE_ENV_PROXY=1, which Node 24 reads.',
    exit: 3,
  },
  RPC_TIMEOUT: {
    message: '{endpoint} did not answer {method} in time.',
    meaning: 'The endpoint accepted the request and then stayed silent for longer than its time limit.',
    fix: 'Use a closer or less busy endpoint, or give a second one with another --rpc-url.',
  },
  RPC_STALE: {
    message: '{endpoint} is at block {head} while others are at {best}.',
    meaning: 'The endpoint is not synchronised; reading from it would show an old state.',
    fix: 'Wait until it has caught up, or remove it from the --rpc-url list.',
  },
  RPC_FORGED: {
    message: '{endpoint} gave a false answer: {claim}',
    meaning:
      'The answer contradicts the chain that the same or another endpoint shows, so no answer of this endpoint can be relied on.',
    fix: 'Remove this endpoint from the --rpc-url list and use one that you trust.',
  },
  RPC_DISAGREEMENT: {
    message: 'The endpoints answer {method} differently: {answers}.',
    meaning:
      'One of the endpoints lies, is on another branch or is behind, and there are too few to say which one. Asked for the next nonce, one may also know of a transaction that waits and another one not: nothing was sent, so that none is displaced.',
    fix: 'Give the command again once what waits is mined. Give at least three endpoints of different operators with --rpc-url: then any one of them may fail or lie.',
  },
  RPC_ALONE: {
    message: '{answered} of {given} endpoints answers {method}: its word alone is not taken.',
    meaning: 'Of three or more endpoints two have to say the same, since one may lie while the others are away.',
    fix: 'Nothing: it goes on once a second endpoint answers. Replace those that stay away with --rpc-url.',
  },
  RPC_GAS_IMPLAUSIBLE: {
    message: 'The endpoints say that {functionName} takes {gas} gas, and a block holds {gasLimit}.',
    meaning: 'No block could hold such a transaction: the estimate is wrong, and what it would cost is not offered.',
    fix: 'Nothing: it is asked again at the next block. If it stays so, use another endpoint with --rpc-url.',
  },
  RPC_FAILED: {
    message: '{action} failed: {reason}',
    meaning: 'The endpoint answered, with an error that is not a contract’s.',
    fix: 'Read the reason; if it is the endpoint’s limit, use another one with --rpc-url.',
  },
  CHAIN_ID_MISMATCH: {
    message: '{endpoint} serves chain {actual}, but this network is on chain {expected}.',
    meaning: 'The endpoint belongs to another chain than the deployment that is used.',
    fix: 'Give an --rpc-url of the right chain, or the deployment file of that chain.',
    exit: 3,
  },
  CONTRACTS_NOT_DEPLOYED: {
    message: 'There is no {contract} at {address} on {endpoint}.',
    meaning: 'The deployment file names an address without code on this chain; a restarted devnet starts empty.',
    fix: 'Run "kaisar chain deploy" (or "kaisar devnet up"), or point to the right deployment file.',
    exit: 3,
  },
  CODE_HASH_MISMATCH: {
    message: 'The code of {contract} on {endpoint} is not the code that was deployed.',
    meaning: 'Another contract is at this address: the endpoint serves another chain with the same id, or it lies.',
    fix: 'Check the deployment file and the endpoint; do not sign anything until both agree.',
    exit: 3,
  },
  CONTRACTS_MIXED: {
    message: '{contract} at {address} is not of the network of the others: it and {others} do not name each other.',
    meaning:
      'The contracts of a network name each other for ever. KAI is approved to some of them, and a stranger’s contract among them could take it.',
    fix: 'Sign nothing. Get the deployment file again, from whoever runs the network, and compare it with what others were given.',
    exit: 3,
  },
  CODE_UNKNOWN: {
    message: '{file} does not say which code these contracts have: {contracts}.',
    meaning:
      'Without the hashes of their code, the contracts of the network cannot be told from others that answer alike.',
    fix: 'Get the deployment file that "kaisar chain deploy" wrote, or add the network anyway with --allow-unknown-code.',
    exit: 3,
  },
  CHAIN_UNFIT: {
    message: 'The contracts would not run on this chain, or would not be safe there: {faults}.',
    meaning: 'The chain lacks something that the contracts or the daemons rely on.',
    fix: 'Read the lines of "kaisar chain doctor" marked ✖, and choose another chain, or another endpoint of this one.',
    exit: 3,
  },
  DEPLOYMENT_INVALID: {
    message: '{file} is not a deployment file: {reason}',
    meaning:
      'A deployment file holds the chain id and the address of each contract, as "kaisar chain deploy" writes it.',
    fix: 'Write it again with "kaisar chain deploy", or copy it from the network’s documentation.',
    exit: 3,
  },
  NETWORK_UNNAMED: {
    message: 'An endpoint was named, and no network on its chain.',
    meaning:
      'An endpoint serves a chain, on which there may be several networks. The addresses of a network’s contracts are in its deployment file, which a context keeps.',
    fix: 'Make the network known with "kaisar context add <name> --from <file> --rpc-url <url>"; then --context <name> names it, also beside --rpc-url.',
    exit: 3,
  },
  PRESET_MISSING: {
    message: ({ presets }: { presets: Readonly<Record<string, string>> }) =>
      `Which parameters the network gets was not said: ${Object.entries(presets)
        .map(([name, title]) => `--preset ${name} (${title})`)
        .join(', ')}.`,
    meaning:
      'A preset fixes epochs, rounds, bonds and emission. The preset of a devnet is of no use on a real network.',
    fix: 'Choose one; "kaisar chain doctor" says which of them fit the time between blocks of a chain, --dry-run shows every value.',
    exit: 2,
  },
  DEPLOYMENT_DIFFERS: {
    message: '{file} is of another deployment: {fields} differ.',
    meaning:
      'A deployment of this name was begun. It goes on by the same command with the same parameters, key and release only.',
    fix: 'Repeat the command that began it, or begin another one under another --name.',
    exit: 3,
  },
  DEPLOYMENT_NONCE_MOVED: {
    message: ({ deployer, what, expected, actual }: MovedNonce) =>
      `${what} needs nonce ${expected} of ${deployer}, whose next one is ${actual}.`,
    meaning:
      'The contracts name each other’s addresses, which follow from the nonces of the key. Something else was sent with the key, or the chain was started anew.',
    fix: 'Begin anew under another --name, with a key that sends nothing else meanwhile. What was deployed already stays unused and costs nothing more.',
    exit: 3,
  },
  ARTIFACT_MISSING: {
    message: 'No compiled {contract} in {directory}.',
    meaning: 'The contracts were not built, or the package was installed incompletely.',
    fix: 'Run "npm run build" in a checkout, which compiles for every EVM, or install the package again.',
    exit: 3,
  },
  CONTRACT_REVERTED: {
    message: ({ functionName, reason }: { functionName: string; reason: string; errorName: string }) =>
      `The contract refused ${functionName}: ${reason}`,
    meaning: 'A rule of the contracts does not allow this call now; the reason is the contract’s own error.',
    fix: 'Do what the reason says. "kaisar help" with the name of the contract’s error says it again.',
  },
  TRANSACTION_FEE_CAP: {
    message: '{key} would cost up to {neededWei} wei, above the cap of {capWei} wei.',
    meaning:
      'The fee is above the cap of this installation, or above the cost that a person agreed to. A daemon’s transaction waits and is sent when fees fall; a command sends nothing.',
    fix: 'Wait, or raise the cap with --max-fee-gwei.',
  },
  TRANSACTION_TIP_CAP: {
    message: 'The endpoints ask for a tip of {askedWei} wei per gas; {offeredWei} is offered.',
    meaning:
      'The size of the tip is the endpoints’ word alone, and a tip is paid whether it was needed or not. It therefore has a bound of its own, so that no endpoint can spend the day’s allowance.',
    fix: 'Nothing to do where transactions are mined. On a chain that really asks for more, raise --max-tip-gwei.',
  },
  TRANSACTION_SPEND_CAP: {
    message: 'The spend cap is reached: {spentWei} of {capWei} wei.',
    meaning:
      'Fees that this key paid in 24 hours, and fees of transactions that wait, use up the allowed amount: three quarters of --spend-cap-ether, and all of it for commitments, openings and answers to audits, which have to be sent in time.',
    fix: 'Look at what was sent with "kaisar chain info", then raise --spend-cap-ether.',
  },
  TRANSACTION_UNSIGNED: {
    message: '{key} was not signed. {reason}',
    meaning:
      'The signer refused this transaction, or signed another one in its place. It was given up, and others go on.',
    fix: 'Look at the rules and the log of the signer, then repeat the command; a daemon asks again when it is due again.',
  },
  TRANSACTION_EXPIRED: {
    message: '{key} was not mined before its deadline (block time {deadline}).',
    meaning: 'The phase that the transaction was for is over; sent later it would only revert.',
    fix: 'Nothing to do for this one. If it repeats, use a faster endpoint or allow higher fees with --max-fee-gwei.',
  },
  TRANSACTION_KEY_REUSED: {
    message: 'A transaction with the key {key} was sent before, with another content.',
    meaning: 'An idempotency key names one action for ever; a second, different action under it is a mistake.',
    fix: 'Report this; nothing was sent.',
  },
  TRANSACTION_UNCONFIRMED: {
    message: '{what} was sent as transaction {hash}, and no block holds it yet.',
    meaning: 'The chain is slow, its fees have risen, or most of the endpoints do not show the transaction.',
    fix: 'Look the transaction up before you send anything again: it may still be mined.',
  },
  FUNDS_INSUFFICIENT: {
    message: ({ account, balanceWei, neededWei }: { account: string; balanceWei: bigint; neededWei: bigint }) =>
      `${account} holds ${exactUnits(balanceWei)} of the chain’s own coin and needs ${exactUnits(neededWei)}: send it ${exactUnits(neededWei - balanceWei)} or more.`,
    meaning: 'Whoever signs a transaction pays its fee (gas) in the chain’s own coin, whatever it moves.',
    fix: 'Send the coin to the address that signs, from any wallet or with "kaisar wallet send <address> <amount> --gas"; on a devnet, "kaisar devnet fund <address>".',
    exit: 3,
  },
  KAI_INSUFFICIENT: {
    message: ({ account, balance, needed }: { account: string; balance: bigint; needed: bigint }) =>
      `${account} holds ${exactUnits(balance)} KAI and needs ${exactUnits(needed)}: send it ${exactUnits(needed - balance)} KAI or more.`,
    meaning: 'The transfer needs more KAI than the address holds.',
    fix: 'Send KAI to that address with "kaisar wallet send <address> <amount>", or move less; "kaisar wallet balance" shows what is there.',
    exit: 3,
  },
  KAI_AND_COIN_INSUFFICIENT: {
    message: ({ account, balances, needed }: { account: string; balances: Funds; needed: Funds }) =>
      `${account} holds ${exactUnits(balances.KAI)} KAI and ${exactUnits(balances.coin)} of the chain’s own coin, and needs ${exactUnits(needed.KAI)} KAI and ${exactUnits(needed.coin)} of the coin: send it ${exactUnits(needed.KAI - balances.KAI)} KAI and ${exactUnits(needed.coin - balances.coin)} of the coin or more.`,
    meaning: 'KAI is what is moved; the fee of the transaction (gas) is paid in the chain’s own coin.',
    fix: 'Send both to the address that signs, from any wallet or with "kaisar wallet send --to <address>=<kai>,<coin>"; on a devnet, "kaisar devnet fund <address>".',
    exit: 3,
  },
  RECIPIENT_REFUSED: {
    message: 'Nothing is sent to {address}: {reason}.',
    meaning: 'An amount sent to this address could never be moved again.',
    fix: 'Give the address of a wallet.',
    exit: 2,
  },
  CALLER_NOT_ALLOWED: {
    message: ({ caller, what, allowed }: { caller: string; what: string; allowed: readonly string[] }) =>
      `${caller} may not call ${what}: only ${allowed.join(' or ')} may.`,
    meaning: 'The operator’s key can only work. Deposits, bonds and payouts are moved by the payout wallet alone.',
    fix: 'Name the key of an address that may with --key, or print the call with --calldata (a Safe: --safe) and send it from that wallet.',
    exit: 3,
  },
  CHECKER_UNKNOWN: {
    message: ({ address, operators }: { address: string; operators: readonly string[] }) =>
      operators.length === 0
        ? `No Checker has ${address} as its operator or payout wallet.`
        : `${address} is the payout wallet of several Checkers: ${operators.join(', ')}.`,
    meaning: 'The command takes the Checker from --operator, or from the key that signs.',
    fix: 'Name its operator with --operator; "kaisar chain seats" lists all.',
    exit: 3,
  },
  WITHDRAWAL_HELD: {
    message: ({ what, epoch, at }: { what: string; epoch: number; at: string | null }) =>
      `${what} cannot be withdrawn yet: epoch ${epoch} has to be paid and its audits over${at === null ? '' : `, about ${at}`}.`,
    meaning: 'Deposits and bonds stay until the last offence that they answer for can no longer be reported.',
    fix: 'Repeat the command then. Anybody may make the withdrawal; it always goes to the payout wallet.',
    exit: 3,
  },
  OPERATOR_REPLACED: {
    message: 'Another run of this {role} claimed the operator key at {claimedAt}; this one has stopped.',
    meaning:
      'Two runs with one operator key would sign two answers to one question, which costs deposit or bond. The newest claim on chain counts.',
    fix: 'Keep one machine per operator key. To go on here, stop the other one and start this one with --take-over.',
    exit: 3,
  },
})
