import { defineErrors, definePreconditions, type KaisarError } from '../platform/errors.ts'
import type { CloseReason } from './transport.ts'

const seconds = (ms: number) => `${ms / 1000} s`

/** Errors of connections, before either end has said who it is. */
export const transportErrors = defineErrors({
  TRANSPORT_ENDPOINT_INVALID: {
    message: 'The endpoint {url} cannot be dialled: {why}.',
    meaning:
      'An endpoint is a wss:// URL with a host and a port, pinned to a certificate hash. Plain ws:// works on loopback only, and only where no certificate is registered.',
    fix: 'The Checker of this endpoint must register a correct one: "kaisar checker run --public-url" does.',
  },
  TRANSPORT_ENDPOINT_PRIVATE: {
    message: 'The endpoint {url} leads to {address}, which is a private address, so it is not dialled.',
    meaning:
      'Anybody may register an endpoint on chain. One that leads to this machine or its network would make a Provider connect to its own services. On a development chain, whose processes share a machine, such endpoints are dialled.',
    fix: 'The Checker of this endpoint must name a public address with --public-url. Where a whole network is private, start with --private-endpoints.',
    exit: 3,
  },
  TRANSPORT_UNREACHABLE: {
    message: 'No connection to {url}: {why}.',
    meaning: 'The host did not accept a connection, or it dropped it before it was open.',
    fix: 'Check the network and the firewall; the connection is tried again by itself.',
  },
  TRANSPORT_TIMEOUT: {
    message: ({ url, timeoutMs }: { url: string; timeoutMs: number }) =>
      `${url} did not complete the handshake within ${seconds(timeoutMs)}.`,
    meaning: 'The host is overloaded, filtered by a firewall, or something else answers on that port.',
    fix: 'Check that a Checker runs there; the connection is tried again by itself.',
  },
  TRANSPORT_ABORTED: {
    message: 'The connection to {url} was given up before it was open.',
    meaning: 'This process is stopping, or the endpoint is no longer needed.',
    fix: 'Nothing to do.',
  },
  TRANSPORT_PIN_MISMATCH: {
    message: '{url} presented the certificate {found}, but {expected} is registered on chain.',
    meaning:
      'The Checker renewed its certificate without registering it, or somebody answers in its place. Nothing was sent.',
    fix: 'The Checker\'s operator restarts it with "kaisar checker run", which registers the new hash; until then its seat is unreachable.',
  },
  TRANSPORT_REFUSED: {
    message: '{url} refused the connection with HTTP status {status}.',
    meaning: '401: no client certificate was presented. 404 or 426: no Checker answers there. 503: it is busy.',
    fix: 'Check the endpoint; with 503, try again.',
  },
  TRANSPORT_PLAIN_NOT_LOCAL: {
    message: 'Refusing to listen on {host} without TLS.',
    meaning: 'Without TLS anybody on the way can read and change messages, so it is allowed on loopback only.',
    fix: 'Give a certificate, or listen on 127.0.0.1.',
    exit: 2,
  },
  TRANSPORT_PORT_IN_USE: {
    message: 'Port {port} of {host} is in use.',
    meaning: 'Another process listens on this port.',
    fix: 'Stop that process, or choose another port; 0 takes a free one.',
    exit: 3,
  },
  TRANSPORT_CONTENT_TOO_LARGE: {
    message: '{url} answers with more than {limitBytes} bytes; the rest was not received.',
    meaning: 'A correct answer is never that long, so something else than a Checker answers there.',
    fix: 'Check the endpoint: "kaisar chain seats" lists those that are registered.',
  },
  TRANSPORT_LISTEN_FAILED: {
    message: 'Cannot listen on {host} port {port}: {why}.',
    meaning: 'The operating system does not let this process bind that address, or the certificate cannot be used.',
    fix: 'Choose an address of this machine and a port above 1023, and check the certificate file.',
    exit: 3,
  },
  TRANSPORT_FRAME_TOO_LARGE: {
    message: 'A frame of {bytes} bytes is above the limit of {maxBytes}.',
    meaning: 'No message of the protocol is that large.',
    fix: 'Update whichever side is older; if both are current, report it.',
  },
  TRANSPORT_FRAME_MALFORMED: {
    message: 'A frame could not be read: {why}.',
    meaning: 'The peer does not speak this protocol, or bytes were damaged on the way. The connection is closed.',
    fix: 'Update whichever side is older; the connection is tried again by itself.',
  },
  TRANSPORT_QUEUE_FULL: {
    message: '{queuedBytes} bytes already wait for the peer, the limit is {maxBytes}; this frame was not sent.',
    meaning: 'The peer does not read as fast as we send.',
    fix: 'Send the frame again later; a peer that stops reading altogether is disconnected.',
  },
  TRANSPORT_RATE_EXCEEDED: {
    message: 'More than {perSecond} frames per second; some were dropped.',
    meaning: 'A peer may send bursts, but not this many frames for this long. If it goes on it is disconnected.',
    fix: 'Send fewer messages, or spread the devices of this operator over several operators.',
  },
  TRANSPORT_PEER_NOT_READING: {
    message: ({ timeoutMs }: { timeoutMs: number }) =>
      `The peer took none of a pending write in ${seconds(timeoutMs)}.`,
    meaning: 'The peer hangs, or its connection broke without notice.',
    refusal: true,
  },
  TRANSPORT_IDLE: {
    message: ({ timeoutMs }: { timeoutMs: number }) => `Nothing was heard from the peer in ${seconds(timeoutMs)}.`,
    meaning: 'The peer did not even answer pings: it hangs, or its connection broke without notice.',
    refusal: true,
  },
  TRANSPORT_LOST: {
    message: 'The connection broke: {why}.',
    meaning: 'The network or the peer failed.',
    refusal: true,
  },
  TRANSPORT_SHUTTING_DOWN: {
    message: 'The peer is stopping.',
    meaning: 'The program at the other end was stopped in an orderly way.',
    refusal: true,
  },
  TRANSPORT_CLOSED: {
    message: ({ reason }: { reason?: CloseReason }) =>
      reason === undefined
        ? 'The connection was closed.'
        : `The connection is closed (${reason.code}): ${reason.message}`,
    meaning: 'The connection has ended, for the reason given.',
    refusal: true,
  },
})

/** Errors of sessions, about who a peer is and what it says. Codes that start with MESSAGE are sent to the peer as refusals. */
export const sessionErrors = defineErrors({
  SESSION_VERSION_UNSUPPORTED: {
    message: 'The peer speaks version {theirs} of the protocol, and this program speaks version {ours}.',
    meaning: 'Peer and program are of different releases.',
    fix: 'Update the older of the two.',
  },
  SESSION_NETWORK_MISMATCH: {
    message: 'The Checker serves the network {theirs}, this program is on {ours}.',
    meaning: 'Chain id or contract address differ: the endpoint belongs to another network.',
    fix: 'Check the RPC URL and the contract addresses of this program.',
  },
  SESSION_CHECKER_MISMATCH: {
    message: 'The session names the Checker {theirs}, not {ours}.',
    meaning: 'The endpoint registered for one Checker is answered by another.',
    fix: 'The Checker’s operator corrects its endpoint with "kaisar checker run --public-url".',
  },
  SESSION_CERTIFICATE_MISMATCH: {
    message: 'The signed session names other certificates than this connection has.',
    meaning: 'Somebody between the two ends relays a session that was signed for another connection.',
    fix: 'Check the network for a TLS proxy; the connection must go straight to the Checker.',
  },
  SESSION_NONCE_MISMATCH: {
    message: 'The signed session is not for this connection’s nonce.',
    meaning: 'Somebody replays a session that was signed earlier.',
    refusal: true,
  },
  SESSION_SIGNATURE_INVALID: {
    message: 'The session is not signed by {operator}.',
    meaning: 'The signature does not belong to the operator it claims.',
    fix: 'Check that the key in use is the registered operator key.',
  },
  SESSION_NOT_ADMITTED: {
    message: '{operator} is not admitted: {why}.',
    meaning: 'The chain does not know this operator, its devices or its certificate as they were presented.',
    fix: 'Wait until the registration is confirmed; the connection is tried again by itself.',
  },
  SESSION_ADMISSION_FAILED: {
    message: 'The Checker could not look up the registration just now.',
    meaning:
      'The fault is the Checker’s: its RPC endpoint may not answer, for example. It says nothing about the peer.',
    refusal: true,
  },
  SESSION_OUT_OF_ORDER: {
    message: 'A "{type}" message is not expected at this point.',
    meaning: 'Handshake messages come first and once; everything else comes after them.',
    fix: 'Update whichever side is older.',
  },
  SESSION_HANDSHAKE_TIMEOUT: {
    message: ({ timeoutMs }: { timeoutMs: number }) => `The peer did not say who it is within ${seconds(timeoutMs)}.`,
    meaning: 'The peer is overloaded or hangs.',
    refusal: true,
  },
  SESSION_REFUSED: {
    message: '{url} refused the session ({code}): {message}',
    meaning: 'The peer (for a Provider: its Checker) gave this reason and code.',
    fix: 'See the entry of that code.',
  },
  SESSION_REPLACED: {
    message: 'A newer session of the same operator took the place of this one.',
    meaning: 'The same operator key connected again: after a lost connection, or from a second machine.',
    fix: 'Nothing to do: of two machines with one key the older one stops when it sees the claim of the newer one.',
  },
  SESSION_FAULTS_EXCEEDED: {
    message: 'Too many messages of this session were refused.',
    meaning: 'The peer speaks another version of the protocol, or is hostile.',
    fix: 'Update whichever side is older.',
  },
  MESSAGE_UNKNOWN: {
    message: 'Messages of type "{type}" are not known here.',
    meaning: 'The peer is newer. The message was ignored and the session goes on.',
    fix: 'Update this program.',
  },
  MESSAGE_UNEXPECTED: {
    message: 'This side of the session takes no messages of type "{type}".',
    meaning:
      'A Provider was sent what only a Checker answers, or a Checker what only a Provider does. The message was ignored and the session goes on.',
    refusal: true,
  },
  MESSAGE_INVALID: {
    message: 'A "{type}" message is malformed: {why}.',
    meaning: 'A field is missing or not of its type. The message was ignored and the session goes on.',
    fix: 'Update whichever side is older.',
  },
  MESSAGE_PAYLOAD_TOO_LARGE: {
    message: 'The payload of a "{type}" message has {bytes} bytes, at most {maxBytes} are allowed.',
    meaning: 'No correct message of this type is that large. The message was ignored and the session goes on.',
    fix: 'Update whichever side is older.',
  },
  MESSAGE_QUEUE_FULL: {
    message: 'A "{type}" message was not taken: too many messages wait already.',
    meaning: 'Messages arrive faster than they are handled. The message was ignored and the session goes on.',
    fix: 'Send the message again later.',
  },
  MESSAGE_NOT_PROCESSED: {
    message: 'A "{type}" message was not processed ({code}).',
    meaning:
      'The content of the message was refused for the reason of that code, or the receiver failed. The session goes on.',
    fix: 'See the entry of that code.',
  },
})

/** Errors of the file that holds our own certificate and its key. */
export const certificateErrors = definePreconditions({
  CERTIFICATE_FILE_MODE: {
    message: '{file} can be read by others (mode {mode}).',
    meaning: 'The file holds the private key of this host’s certificate; whoever reads it can answer in its place.',
    fix: 'Run "chmod 600" on the file. If others could have read it, delete it instead: a new one is made and registered.',
  },
  CERTIFICATE_FILE_MALFORMED: {
    message: '{file} cannot be used: {why}.',
    meaning: 'The file was damaged or written by something else. It is left as it is.',
    fix: 'Restore it from a backup, or move it away: a new certificate is then made, and must be registered.',
  },
  CERTIFICATE_FILE_INACCESSIBLE: {
    message: '{file} could not be read or written: {why}.',
    meaning: 'The data directory is read-only, full, or belongs to another user.',
    fix: 'Make the directory readable and writable for this user, or choose another one with --data-dir.',
  },
})

/** The longest sentence that the schema of `refused` takes. */
const maxMessageLength = 1000

/** The part of an error that a peer may see: its code and its sentence. */
export const closeReason = ({ code, message }: KaisarError): CloseReason => ({
  code,
  message: message.slice(0, maxMessageLength),
})
