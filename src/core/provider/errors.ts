import { type Shortage, shortageText } from '../chain/funds.ts'
import { oneProviderEach } from '../job/errors.ts'
import { defineErrors } from '../platform/errors.ts'
import { exactUnits } from '../platform/exact-units.ts'

export const providerErrors = defineErrors({
  PROVIDER_SECOND_COMMITMENT: {
    message: 'A different commitment was already signed for round {round}, so this one was not signed.',
    meaning:
      'Two signed commitments for one round are provable equivocation and cost the deposit, so the journal forbids it.',
    fix: 'Nothing to do: the first commitment stands. Make sure that no second Provider runs with the same key.',
  },
  PROVIDER_WORK_DIFFERS: {
    message: 'The rows of round {round}, computed again after a restart, differ from those that were committed to.',
    meaning: 'The same seed always gives the same rows, so the device or its memory computed wrongly, then or now.',
    fix: 'Run "kaisar provider doctor"; if it finds nothing, test the memory of this machine.',
  },
  PROVIDER_ROUND_UNKNOWN: {
    message: 'Commitment {commitmentHash} is not one of the rounds in progress.',
    meaning: 'A seat asked for samples of a round that has ended, or in which this Provider did not work.',
    refusal: true,
  },
  PROVIDER_OFFER_MISSING: {
    message: 'Checker {checker} asks for samples of a round for which it offered no job.',
    meaning:
      'The offer fixes the sampling secret before the work is done. Without an offer the seat could choose the sample afterwards.',
    refusal: true,
  },
  PROVIDER_SECOND_REQUEST: {
    message: 'Checker {checker} asked for samples of commitment {commitmentHash} before, with another secret.',
    meaning:
      'A seat draws with one secret. The same request may be answered again, also for the block that a reorg put in the place of the first. With another secret a seat could draw until it likes the rows.',
    refusal: true,
  },
  PROVIDER_ASKED_TOO_OFTEN: {
    message: 'Checker {checker} asks too often for samples of commitment {commitmentHash}.',
    meaning: 'A seat asks once, and again when it has connected anew or a reorg has replaced the sampling block.',
    refusal: true,
  },
  PROVIDER_SPEC_OTHER: {
    message: 'A Checker offered a job of spec {specHash}, which is not in force here.',
    meaning: 'The chain names one spec for an epoch, and this Provider works by that one.',
    fix: 'Nothing to do: the offer was refused. If all Checkers offer that spec, check whether the RPC endpoints are behind.',
  },
  PROVIDER_NOT_FROM_SEAT: {
    message: 'The message is not signed by Checker {checker}, whose session it came over.',
    meaning: 'Every offer, request and receipt is signed by the seat that sends it, for this network.',
    refusal: true,
  },
  PROVIDER_DEVICE_UNKNOWN: {
    message: 'Device {deviceId} does not belong to this Provider.',
    meaning: 'A seat asked about a device that this process does not run.',
    refusal: true,
  },
  PROVIDER_RECEIPT_UNWANTED: {
    message: 'Checker {checker} sent a receipt of epoch {epoch} that this Provider does not keep.',
    meaning:
      'A Provider keeps one receipt of each seat for each of its own devices, for the epochs that the chain still keeps.',
    refusal: true,
  },
  PROVIDER_ATTESTATION_TOO_SOON: {
    message: 'Checker {checker} asks again too soon for attestation evidence of device {deviceId}.',
    meaning:
      'Collecting evidence keeps the card’s tool busy for seconds. A seat gets it once for each device, and again a minute after it last got any from this host.',
    refusal: true,
  },
  PROVIDER_ATTESTATION_TOO_LATE: {
    message: 'Evidence of device {deviceId} could not be collected for Checker {checker} while its nonce was fresh.',
    meaning: 'Evidence is collected for one seat after the other. The seat’s turn came after its nonce had run out.',
    fix: 'Nothing to do this time. If it repeats, the collector is slow on this host: see how long "kaisar provider attest" takes.',
  },
  PROVIDER_NO_SEATS: {
    message: 'No seat judges this Provider’s devices now: {reason}.',
    meaning: 'Jobs come from the seats that are drawn for a device’s cohort. Without them there is no work and no pay.',
    fix: 'Leave the Provider running: work starts by itself. "kaisar epoch status" shows where the network stands.',
  },
  PROVIDER_MEMORY_TOO_SMALL: {
    message: '{model} has {memoryMiB} MiB of memory, and memory rounds fill {leastMiB} MiB at least.',
    meaning:
      'Part of what a device is paid for is memory that it holds. One with less than the least is paid nothing, so it is not registered.',
    fix: 'Run the Provider on a device with more memory. "kaisar provider doctor" lists the devices of this host.',
    exit: 3,
  },
  PROVIDER_MEMORY_NOT_ON_CARD: {
    message: 'No memory round can be worked on {model}: {reason}.',
    meaning:
      'A device is paid by tensor rate, bandwidth and memory together. A card whose own memory nothing fills is paid nothing, so it is not registered, and no deposit is taken for it.',
    fix: `Run "kaisar provider setup-gpu", which installs the package "webgpu" and shows what else is missing, such as the Vulkan driver of the vendor. On a host with several cards, ${oneProviderEach}`,
    exit: 3,
  },
  PROVIDER_NO_DEVICE: {
    message: 'This host has no device that can work: {reason}',
    meaning: 'No device was found, or each one that was found has a critical fault.',
    fix: 'Run "kaisar provider doctor" and follow the fixes it names.',
    exit: 3,
  },
  PAUSE_DEVICE_UNKNOWN: {
    message: ({ device, devices }: { device: string; devices: readonly string[] }) =>
      `"${device}" names none of this Provider's devices, or several: it works with ${devices.join(', ')}.`,
    meaning: 'A pause is of one device, named by its id or its first digits, or of all devices of the Provider.',
    fix: 'Name one of those in the message with --device, or leave it out to mean all of them.',
    exit: 2,
  },
  CONTROL_NO_DAEMON: {
    message: 'No Provider runs with {folder}.',
    meaning:
      'A pause is a word to a running daemon, which says it to the Checkers. Without one there is nothing to pause: the device is not there, and its rounds are missed.',
    fix: 'Start it with "kaisar provider run"; where it runs with another folder, name that with --data-dir.',
    exit: 3,
  },
  CONTROL_UNREACHABLE: {
    message: 'The Provider does not answer at {path}: {reason}',
    meaning:
      'The daemon listens once its devices are registered, on a socket in its data folder that only its own user may open.',
    fix: 'Wait until its log says that its devices are registered, and run this command as the user that runs the daemon.',
    exit: 3,
  },
  PROVIDER_CPU_FALLBACK: {
    message: 'The CPU would do the work of {model}: no other execution provider could be used ({refused}).',
    meaning:
      'A registered card whose work the CPU does earns as little as a CPU and looks broken. The log says what each execution provider lacks.',
    fix: 'Follow the fixes in the log, or pass --execution-provider cpu to take part with the CPU of this host instead.',
    exit: 3,
  },
  PROVIDER_WINDOW_DIFFERS: {
    message: 'The chain sets a window of {windowMs} ms, and its spec "{spec}" has one of {specWindowMs} ms.',
    meaning:
      'Figures are work divided by the window of the specification. With another window on chain they would mean nothing.',
    fix: 'Tell the owner of the network that round rules and spec have to be changed together.',
    exit: 3,
  },
  PROVIDER_SPEC_CHANGED: {
    message: 'The network works by another spec from epoch {epoch} on.',
    meaning: 'The chain names the spec of each epoch. The engines are started again for the new one.',
    fix: 'Nothing to do: the Provider restarts its engines by itself.',
  },
  PROVIDER_PAYOUT_DIFFERS: {
    message: 'Device {deviceId} is registered for payout wallet {registered}, not for {payout}.',
    meaning:
      'Rewards go to the wallet that is registered on chain, whatever --payout says, and only that wallet can name another one.',
    fix: 'Pass the registered wallet as --payout, or send "setPayout" from it first, as docs/run-a-provider.md shows.',
    exit: 3,
  },
  PROVIDER_REGISTRATION_UNSEEN: {
    message: 'Device {deviceId} was registered, and an endpoint does not show it yet.',
    meaning:
      'The transaction is mined; the endpoint that was asked afterwards is behind, or the block was reorganised away.',
    fix: 'Start the Provider again: no deposit is paid twice. If it repeats, use another RPC endpoint.',
    exit: 3,
  },
  PROVIDER_DEPOSIT_MISSING: {
    message: ({ devices, ...shortage }: Shortage & { devices: number }) =>
      `Registering ${devices === 1 ? 'a device' : `${devices} devices`} needs a deposit of ${shortageText(shortage)}`,
    meaning: 'Each device is registered with a refundable deposit, taken from the operator.',
    fix: 'Send what is missing to the operator’s address, from any wallet or with "kaisar wallet send <address> <amount>" (--gas sends the coin), and start again; or let another wallet pay for it: "kaisar provider enrol". The deposit returns to the payout wallet when the device leaves.',
    exit: 3,
  },
  PROVIDER_GAS_MISSING: {
    message: ({ account, needed, devices }: { account: string; needed: bigint; devices: number }) =>
      `${devices === 1 ? 'A device has to be registered as it is' : `${devices} devices have to be registered as they are`} now, and the operator ${account} holds nothing of the chain’s own coin: send it ${exactUnits(needed)} or more.`,
    meaning: 'A new device, and one whose card, driver or certificate changed, is registered by a transaction.',
    fix: 'Send the chain’s own coin to the operator’s address, with "kaisar wallet send <address> <amount> --gas"; or let another wallet register: "kaisar provider enrol".',
    exit: 3,
  },
})
