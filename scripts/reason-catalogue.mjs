// What statuses, verdicts, accounts of payments and findings are called beside errors and faults: each code with what it says and what
// its reader does. A code that is shown somewhere and explained nowhere fails test/unit/docs/codes.test.ts.

const nothingToDo = 'Nothing to do.'
const keepRunning = 'Nothing to do: keep the Provider running.'
const explain = '"kaisar epoch explain" shows what each seat said.'
const selfTest = 'Compare with "kaisar provider self-test".'
const restartProvider = 'Restart the Provider: it registers what changed as a new generation.'
const sameSoftware = 'Update kaisar on the Provider’s host, then restart it.'
const ofTheDevice = 'Nothing to do: the Checker notes in its log what the device claims, and decides nothing by it.'
const evidenceStep = 'A step of verifying evidence, which failed.'
const falseEvidence =
  'Do not believe this bundle; fetch it from another seat with "kaisar checker verify <hash> --from <endpoint>".'
const wrongWork =
  'Run "kaisar provider self-test". A card that computes wrongly has failing memory or an unstable clock.'
const wait = 'Wait: it settles during the next epoch.'

/** By group: code, meaning, fix. */
export const reasonGroups = {
  'Verdicts, and why': {
    VALID: ['A round was worked, and everything that was sampled of it was recomputed and is equal.', nothingToDo],
    WRONG: ['A seat holds proof of wrong work: what the device committed to differs from the exact result.', wrongWork],
    TIMEOUT: [
      'The device was reached and did not answer in time.',
      `Check load, clock and uplink of the host. ${selfTest}`,
    ],
    OFFLINE: [
      'No session with the device was open during the round.',
      'Check that the Provider runs and may open outgoing connections.',
    ],
    UNSUPPORTED: [
      'The device signed off from the round, or Checkers do not take its driver or card.',
      'Run "kaisar provider doctor".',
    ],
    BUSY: [
      'The owner had paused the device, which signed that it leaves the round out.',
      '"kaisar provider resume" ends a pause.',
    ],
    MISSED: ['The chain’s result of an epoch: no verified work, or no beat that counts.', explain],
    ABSTAINED: [
      'The chain’s result of an epoch: fewer than 3 seats judged the device, or its owner had paused it.',
      explain,
    ],
    CHECKER_FAULT: [
      'The seat could not do its part; the round is left out of its mean, and the device loses nothing.',
      'Nothing to do for the device. A Checker’s own log says what kept it.',
    ],
    ALL_EQUAL: ['Everything that was sampled was recomputed and is equal.', nothingToDo],
    NO_SESSION: [
      'No session with the device was open during the round.',
      'Check that the Provider runs and may open outgoing connections.',
    ],
    NO_COMMITMENT: [
      'The device was offered the job and sent no commitment in time.',
      `Check the Provider’s log for that round. ${selfTest}`,
    ],
    NO_WORK: ['The device finished nothing inside the window.', `Something else uses the device: stop it. ${selfTest}`],
    NO_OPENINGS: [
      'The device committed and then did not open what was sampled.',
      'Check the uplink: what seats sample has to leave within the round.',
    ],
    NO_ROUND: ['The epoch had no round of that number.', nothingToDo],
    OPENINGS_INVALID: ['What the device opened did not prove what was sampled.', sameSoftware],
    DEVICE_ABORTED: [
      'The device signed off from the round, with the reason that stands beside it.',
      'Run "kaisar provider doctor".',
    ],
    COMMITMENT_LATE: [
      'The commitment came after the window and its grace.',
      'Check the clock, the load and the connection of the host.',
    ],
    COMMITMENT_CONTRADICTS: [
      'A second commitment for the round differs from the first, which is kept as proof.',
      'Run one machine for each key, and never restore an older state.',
    ],
    COMMITMENT_AFTER_BUSY: ['A commitment came for a round that the device had signed to leave out.', nothingToDo],
    TWO_COMMITMENTS: [
      'The device signed two different commitments for one round, which costs the deposit.',
      'Run one machine for each key, and never restore an older state.',
    ],
    BUSY_LATE: ['The word that the device is busy came too late to count for the round.', nothingToDo],
    BUSY_AFTER_WORK: ['The device said that it is busy after it had begun to answer the round.', nothingToDo],
    BEAT_SLOW: [
      'The beat verifies and does not count: the device read its memory far slower than in its own memory round.',
      'Stop what else uses the card’s memory.',
    ],
    BEAT_SHRUNK: [
      'The beat verifies and does not count: the device held less memory than in its own memory round.',
      'Stop what else takes the card’s memory, or fill less with --memory-mib.',
    ],
  },
  'Why an epoch paid nothing': {
    NOT_MEMBER: ['The device was no member in that epoch: a registration counts from the next one.', keepRunning],
    EPOCH_WORKING: ['The epoch is still being worked.', wait],
    EPOCH_SETTLING: [
      'The committee of the device’s cohort has no result yet.',
      'Wait, or settle by hand with "kaisar epoch settle".',
    ],
    EPOCH_UNSEEDED: [
      'No keeper pinned and rolled the epoch’s seed while it lasted, so there were no committees and no jobs.',
      'Keep a Checker or "kaisar epoch settle" running. The emission stays in the vault.',
    ],
    EPOCH_WITHOUT_ROUNDS: [
      'The epoch’s seed came after the cutoff of its last slot, so nobody was judged.',
      'Keepers that pin and roll at once prevent it. The emission stays in the vault.',
    ],
    EPOCH_UNPAID: ['Epochs before the first paid one pay nothing; the standing counts.', keepRunning],
    COHORT_VOID: [
      'Fewer than 3 of the cohort’s 5 seats opened; the standing is unchanged.',
      'Nothing to do for the device: "kaisar chain seats" lists the seats and their strikes.',
    ],
    NOT_JUDGED: [
      'Fewer than 3 of 5 seats judged the device; the standing is unchanged.',
      'Check with "kaisar provider status" that sessions to its seats are open.',
    ],
    DEVICE_BUSY: [
      'The owner had paused the device, and it signed that it was busy.',
      '"kaisar provider resume" ends a pause; it is paid again in the first epoch in which it works a round of each kind.',
    ],
    WORK_WRONG: [
      'Seats hold proof that what the device committed to differs from the exact result.',
      `Verify a bundle with "kaisar checker verify". ${wrongWork}`,
    ],
    DEVICE_UNCONFIRMED: [
      'Fewer than 3 seats confirmed the device record: what it signs is not what is registered, or it did not answer.',
      `Run "kaisar provider doctor". ${restartProvider}`,
    ],
    ENVIRONMENT_UNCONFIRMED: [
      'Fewer than 3 seats accepted the environment: driver and runtime.',
      'Run "kaisar provider doctor": it names the version that the policy refuses.',
    ],
    RATE_ZERO: [
      'The median capacity is 0: in most seats’ view there is no verified work of one kind of round at all.',
      `Check with "kaisar provider status" that the Provider ran through the rounds. ${selfTest}`,
    ],
    UPTIME_ZERO: [
      'The median uptime is 0: in most seats’ view no beat of the device counts.',
      'Keep the Provider running, and its memory filled, for the whole epoch.',
    ],
    FIRST_CREDIT_HELD: [
      'A device’s first credit sets its standing and is not paid, so that a newcomer takes nothing from others.',
      'Nothing to do: the next epoch in which it works is paid.',
    ],
    SCORE_BELOW_ONE: ['Capacity times uptime is below 1.', selfTest],
    POOL_EMPTY: [
      'The vault had nothing to emit for the epoch.',
      'The operator of the network has to fund the vault with "kaisar chain fund".',
    ],
    SHARE_BELOW_ONE: [
      'The share of the pool rounds down to 0 wei.',
      'Nothing to do: the device is very small next to the others.',
    ],
    PAYMENT_DUE: [
      'The score is final and no keeper has paid this lane yet.',
      'Wait, or pay by hand with "kaisar epoch settle". The amount does not change.',
    ],
  },
  'Warnings of a status': {
    CHAIN_STALE: [
      'The newest block is old: everything shown may have changed since.',
      'Check the RPC endpoint and this machine’s clock, or name another endpoint with --rpc-url.',
    ],
    PAYMENT_OWED: [
      'A payment could not be delivered to the payout wallet; the vault keeps it.',
      'Check that the wallet can receive KAI; it is sent with "kaisar epoch settle".',
    ],
    DAEMON_DOWN: [
      'The chain knows devices or seats of this operator, and no daemon runs with this data folder.',
      'Start "kaisar provider run" or "kaisar checker run"; where it runs with another folder, name that with --data-dir.',
    ],
    HOST_UNREACHABLE: [
      'A Provider of the fleet does not show its metrics.',
      'Check that it runs, with --metrics-port and a --metrics-host that this machine reaches.',
    ],
    DEVICE_UNREGISTERED: [
      'The Provider runs and the chain knows no device of its operator.',
      'Look at its log: registering needs a deposit in KAI and gas.',
    ],
    DEVICE_LEAVING: [
      'The device was signed off or delisted.',
      'If that was not wanted, start the Provider: it registers the device again.',
    ],
    DEVICE_UNPROVEN: [
      'The device is a member for two epochs and the chain has no result of it.',
      'Check with "kaisar epoch status" whether epochs are settled.',
    ],
    DEVICE_WRONG: ['The last result on chain is wrong work.', wrongWork],
    DEVICE_UNSUPPORTED: [
      'The last result on chain is that Checkers do not take the device or its driver.',
      'Run "kaisar provider doctor".',
    ],
    DEVICE_MISSED: ['The device was not up for all of the last epoch that has a result.', 'Keep the Provider running.'],
    DEVICE_UNSEEN: [
      'The Provider runs, and for the Checkers the device was not there.',
      'Check in its log that sessions to its Checkers open, the firewall for outgoing connections, and the clock.',
    ],
    DEVICE_TOO_SLOW: [
      'The Provider ran and finished nothing inside the window of any round.',
      `Something else uses the device: stop it. ${selfTest}`,
    ],
    DEVICE_WITHOUT_MEMORY: [
      'The Provider ran and committed to no memory round, without which nothing is paid.',
      'The Provider’s log says why memory was not filled (memory.filled); "kaisar provider self-test" tries it.',
    ],
    CHECKER_UNBONDED: [
      'The chain knows no bond of this operator.',
      'Start "kaisar checker run": it bonds by itself once its operator holds the bond in KAI, and gas.',
    ],
    CHECKER_JAILED: [
      'The Checker’s seats are jailed: they are drawn for no cohort.',
      '"kaisar chain seats" shows until when.',
    ],
    CHECKER_UNSEEN: [
      'The Checker committed to nothing in an epoch for which it was drawn.',
      'Look at its log: a commitment needs gas and an RPC endpoint that takes transactions.',
    ],
    OPENING_MISSED: [
      'The Checker committed and did not open, which is a strike and earns nothing.',
      'Keep it running until an epoch is paid.',
    ],
    ENDPOINT_UNREACHABLE: [
      'The registered endpoint does not answer from here.',
      'Check firewall and port, or register another address with "kaisar checker run --public-url".',
    ],
    ENDPOINT_OTHER_CERTIFICATE: [
      'The registered endpoint presents another certificate than the registered one.',
      'Something else answers there, or the certificate was replaced: restart the Checker, which registers its own.',
    ],
  },
  'What a Checker says of a device': {
    REPORT_UNSIGNED: ['The device report is not signed by the registered operator.', restartProvider],
    REPORT_STALE: ['The device report answers another nonce than the one that was asked with.', nothingToDo],
    REPORT_OTHER_DEVICE: [
      'The device report is about another device or generation than the registered one.',
      restartProvider,
    ],
    DEVICE_CHANGED: ['The device record is not the registered one.', restartProvider],
    CERTIFICATE_CHANGED: ['The device certificate is not the registered one.', restartProvider],
    CERTIFICATE_OTHER_SESSION: [
      'The session is authenticated by another certificate than the registered one.',
      restartProvider,
    ],
    DEVICE_RECORD_ALTERED: ['The device record is not the one that was signed.', sameSoftware],
    ENVIRONMENT_RECORD_ALTERED: ['The environment record is not the one that was signed.', sameSoftware],
    ATTESTATION_ALTERED: ['The attestation evidence is not the one that was signed.', sameSoftware],
    DEVICE_RECORD_UNKNOWN: [
      'The device record is not of a form that this release knows.',
      'Run the same release of kaisar on both sides.',
    ],
    DEVICE_ID_OTHER: [
      'The device id is not that of this operator and this hardware.',
      'Register the device with kaisar, which derives its id from the record.',
    ],
    ENVIRONMENT_RECORD_UNKNOWN: [
      'The environment record is not of a form that this release knows.',
      'Run the same release of kaisar on both sides.',
    ],
    IDENTITY_TAKEN: [
      'The attested identity of the card is exclusive to another device.',
      'One card is one device: leave with the newer one, "kaisar device exit".',
    ],
    ATTESTATION_MISSING: [
      'The device is registered as attested and sent no evidence.',
      'Run "kaisar provider attest" to see what the card’s tool says.',
    ],
    ATTESTATION_UNREADABLE: [
      'The attestation evidence cannot be read.',
      'Run "kaisar provider attest" to see what the card’s tool says.',
    ],
    ATTESTATION_OTHER_CARD: ['The evidence is of another card than the registered one.', restartProvider],
    CLAIM_MODEL_UNKNOWN: ['The model that is claimed is not in the class table.', ofTheDevice],
    CLAIM_MEMORY: ['The model that is claimed was never made with that much memory.', ofTheDevice],
    CLAIM_DRIVER: ['There is no such driver for that vendor and system.', ofTheDevice],
    CLAIM_WORK: ['What was measured contradicts the model that is claimed.', ofTheDevice],
    CLAIM_WORKS_ON_CPU: ['A card is claimed and only the CPU computes.', ofTheDevice],
    DRIVER_NEWER_THAN_KNOWN: ['The driver is newer than those that this release knows.', ofTheDevice],
    DRIVER_TOO_OLD: [
      'The driver is too old for every engine.',
      'Update the driver; "kaisar provider setup-gpu" prints how.',
    ],
  },
  'Steps of verifying evidence': Object.fromEntries(
    Object.entries({
      OFFER_SIGNATURE: 'The job offer is not signed by the Checker that it names.',
      BUSY_BINDING: 'The device’s word that it is busy does not answer this offer.',
      BUSY_SIGNATURE: 'The device’s word that it is busy is not signed by its operator.',
      COMMITMENT_BINDING: 'The commitment does not answer this offer.',
      COMMITMENT_SIGNATURE: 'The commitment is not signed by the device’s operator.',
      COMMITMENT_INVALID: 'What the commitment claims is not possible.',
      DEVICE_REPORT: 'The device report is not signed by the same operator, for this device.',
      SAMPLE_REQUEST: 'The sample does not follow from what was fixed before it was known.',
      OPENINGS_MALFORMED: 'The openings are not exactly what was sampled.',
      OPENINGS_NOT_IN_ROOT: 'What is opened is not what was committed to.',
      WRONG_CLAIM: 'Something is said to be wrong that is right.',
    }).map(([code, meaning]) => [code, [`${evidenceStep} ${meaning}`, falseEvidence]]),
  ),
  'Wrong work': {
    ROW_WRONG: [
      'A sampled row, recomputed, differs from what the device committed to: proof of wrong work.',
      wrongWork,
    ],
    COORDINATE_WRONG: [
      'A sampled coordinate of memory, recomputed, differs from what the device committed to: proof of wrong work.',
      wrongWork,
    ],
  },
  'Findings about a chain': {
    BLOCKS_ON_DEMAND: [
      'Blocks come irregularly, with long gaps: this chain seems to make one only when somebody sends a transaction. The block that an epoch’s seed is pinned to may then not come in time, and whoever sends the only transaction after the pin can try variants of it until the seed, and with it the committees, suits them.',
      'Keep traffic steady before a network starts and as long as it runs: best, two or more operators of the network each send a transaction of their own every few seconds, such as an empty one to themselves. Then run "kaisar chain doctor" again. Where that cannot be kept up, choose a chain that makes blocks by time.',
    ],
  },
  'Findings about this machine': {
    GPU_BUSY: [
      'Other programs compute on the card.',
      'Stop them, or pause the card with "kaisar provider pause" while they run.',
    ],
    GPU_CHANGE_PENDING: [
      'A setting of the card takes effect after the next reset.',
      'Reset the card or restart the host when it suits.',
    ],
    GPU_CLASS_UNKNOWN: [
      'The card’s model is not in the class table, so there is no reference for its figures.',
      nothingToDo,
    ],
    GPU_DRIVER_UNKNOWN: ['The driver is newer than those that this release knows.', nothingToDo],
    GPU_ECC_CORRECTED: [
      'The card corrected memory errors since its driver was loaded.',
      'Watch whether the number grows.',
    ],
    GPU_PAGES_RETIRED: ['The card has retired pages of its memory.', 'Watch whether the number grows.'],
    GPU_ROWS_REMAPPED: [
      'The card has remapped rows of its memory after uncorrected errors.',
      'Watch whether the number grows.',
    ],
    GPU_FILE_IGNORED: ['A file of a recording is of no format that is known here.', nothingToDo],
    GPU_OUTPUT_NOT_UTF8: ['Bytes that are not UTF-8 were replaced in what a tool printed.', nothingToDo],
    GPU_LOG_LISTS_NO_CARDS: [
      'A kernel log lists no cards: it only says what happened to them.',
      'Record the vendor’s tool as well.',
    ],
    GPU_INTEGRATED: ['An integrated GPU, whose driver reports neither UUID, memory nor health.', nothingToDo],
    GPU_NOT_VISIBLE: [
      'The card is another process’s: CUDA_VISIBLE_DEVICES leaves it out, or its render node is not in this container.',
      'Nothing to do, if that is wanted.',
    ],
    GPU_NOT_PINNED: [
      'WebGPU cannot be held to this card, so that no memory round can be worked on it, and a Provider leaves it out.',
      'Run one Provider for each card, as "Several cards of one host" in docs/gpu-set-up.md shows.',
    ],
    HOST_SEVERAL_CARDS: [
      'A Provider works memory rounds on one card and leaves the others out.',
      'Run one Provider for each card, as "Several cards of one host" in docs/gpu-set-up.md shows.',
    ],
    GPU_SERIAL_MASKED: ['The card’s serial number is masked.', nothingToDo],
    GPU_UUID_ABSENT: ['The card has no UUID; its identity is made of what stands beside it.', nothingToDo],
    GPU_UUID_MASKED: ['The card’s UUID is masked; its identity is made of what stands beside it.', nothingToDo],
    GPU_UUID_NOT_UNIQUE: [
      'The card’s UUID is the same on other hosts; its identity is made of what stands beside it.',
      nothingToDo,
    ],
    GPU_UNREADABLE: [
      'The card is listed and cannot be read.',
      'Run "kaisar provider doctor"; a restart of the host often helps.',
    ],
    CARD_ADDED: ['A card appeared while the Provider ran.', 'Restart the Provider to register it.'],
    HARDWARE_CHANGED: ['The card at this place is another one than before.', restartProvider],
    HOST_WEBGPU_PACKAGE_MISSING: [
      'Memory rounds are worked on no card here, so that it earns nothing, because the package webgpu is not installed.',
      '"kaisar provider setup-gpu" prints the command that installs it.',
    ],
    CPU_IDENTITY_FALLBACK: [
      'The machine has no id of its own that may be read; the identity of its CPU is made of what stands beside it.',
      'Keep the data folder when the machine is installed anew.',
    ],
  },
}

/** Entries of a code and `{ meaning, fix }`, in the order of their groups. */
export const reasons = Object.values(reasonGroups).flatMap(group =>
  Object.entries(group).map(([code, [meaning, fix]]) => [code, { meaning, fix }]),
)
