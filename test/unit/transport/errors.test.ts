import { expect, it } from 'vitest'
import { certificateErrors, closeReason, sessionErrors, transportErrors } from '../../../src/core/transport/errors.ts'

const parameters = {
  url: 'wss://checker.example:443',
  why: 'the reason',
  timeoutMs: 1500,
  expected: '0xaa',
  found: '0xbb',
  status: 403,
  host: '0.0.0.0',
  address: '10.0.0.7',
  port: 443,
  bytes: 2,
  maxBytes: 1,
  limitBytes: 1,
  queuedBytes: 3,
  perSecond: 200,
  theirs: 2,
  ours: 1,
  operator: '0xab',
  type: 'job.offer',
  code: 'SOME_CODE',
  message: 'A sentence.',
  file: '/data/certificate.pem',
  mode: '0644',
}

it('every error of the transport has a sentence that says what happened', () => {
  const factories = { ...transportErrors, ...sessionErrors, ...certificateErrors } as unknown as Record<
    string,
    (given: object) => Parameters<typeof closeReason>[0]
  >
  const messages = Object.values(factories).map(create => {
    const { code, message } = closeReason(create(parameters))
    return `${code}: ${message}`
  })
  expect(messages.join('\n')).not.toMatch(/undefined|\[object/)
  expect(messages).toMatchInlineSnapshot(`
    [
      "TRANSPORT_ENDPOINT_INVALID: The endpoint wss://checker.example:443 cannot be dialled: the reason.",
      "TRANSPORT_ENDPOINT_PRIVATE: The endpoint wss://checker.example:443 leads to 10.0.0.7, which is a private address, so it is not dialled.",
      "TRANSPORT_UNREACHABLE: No connection to wss://checker.example:443: the reason.",
      "TRANSPORT_TIMEOUT: wss://checker.example:443 did not complete the handshake within 1.5 s.",
      "TRANSPORT_ABORTED: The connection to wss://checker.example:443 was given up before it was open.",
      "TRANSPORT_PIN_MISMATCH: wss://checker.example:443 presented the certificate 0xbb, but 0xaa is registered on chain.",
      "TRANSPORT_REFUSED: wss://checker.example:443 refused the connection with HTTP status 403.",
      "TRANSPORT_PLAIN_NOT_LOCAL: Refusing to listen on 0.0.0.0 without TLS.",
      "TRANSPORT_PORT_IN_USE: Port 443 of 0.0.0.0 is in use.",
      "TRANSPORT_CONTENT_TOO_LARGE: wss://checker.example:443 answers with more than 1 bytes; the rest was not received.",
      "TRANSPORT_LISTEN_FAILED: Cannot listen on 0.0.0.0 port 443: the reason.",
      "TRANSPORT_FRAME_TOO_LARGE: A frame of 2 bytes is above the limit of 1.",
      "TRANSPORT_FRAME_MALFORMED: A frame could not be read: the reason.",
      "TRANSPORT_QUEUE_FULL: 3 bytes already wait for the peer, the limit is 1; this frame was not sent.",
      "TRANSPORT_RATE_EXCEEDED: More than 200 frames per second; some were dropped.",
      "TRANSPORT_PEER_NOT_READING: The peer took none of a pending write in 1.5 s.",
      "TRANSPORT_IDLE: Nothing was heard from the peer in 1.5 s.",
      "TRANSPORT_LOST: The connection broke: the reason.",
      "TRANSPORT_SHUTTING_DOWN: The peer is stopping.",
      "TRANSPORT_CLOSED: The connection was closed.",
      "SESSION_VERSION_UNSUPPORTED: The peer speaks version 2 of the protocol, and this program speaks version 1.",
      "SESSION_NETWORK_MISMATCH: The Checker serves the network 2, this program is on 1.",
      "SESSION_CHECKER_MISMATCH: The session names the Checker 2, not 1.",
      "SESSION_CERTIFICATE_MISMATCH: The signed session names other certificates than this connection has.",
      "SESSION_NONCE_MISMATCH: The signed session is not for this connection’s nonce.",
      "SESSION_SIGNATURE_INVALID: The session is not signed by 0xab.",
      "SESSION_NOT_ADMITTED: 0xab is not admitted: the reason.",
      "SESSION_ADMISSION_FAILED: The Checker could not look up the registration just now.",
      "SESSION_OUT_OF_ORDER: A "job.offer" message is not expected at this point.",
      "SESSION_HANDSHAKE_TIMEOUT: The peer did not say who it is within 1.5 s.",
      "SESSION_REFUSED: wss://checker.example:443 refused the session (SOME_CODE): A sentence.",
      "SESSION_REPLACED: A newer session of the same operator took the place of this one.",
      "SESSION_FAULTS_EXCEEDED: Too many messages of this session were refused.",
      "MESSAGE_UNKNOWN: Messages of type "job.offer" are not known here.",
      "MESSAGE_UNEXPECTED: This side of the session takes no messages of type "job.offer".",
      "MESSAGE_INVALID: A "job.offer" message is malformed: the reason.",
      "MESSAGE_PAYLOAD_TOO_LARGE: The payload of a "job.offer" message has 2 bytes, at most 1 are allowed.",
      "MESSAGE_QUEUE_FULL: A "job.offer" message was not taken: too many messages wait already.",
      "MESSAGE_NOT_PROCESSED: A "job.offer" message was not processed (SOME_CODE).",
      "CERTIFICATE_FILE_MODE: /data/certificate.pem can be read by others (mode 0644).",
      "CERTIFICATE_FILE_MALFORMED: /data/certificate.pem cannot be used: the reason.",
      "CERTIFICATE_FILE_INACCESSIBLE: /data/certificate.pem could not be read or written: the reason.",
    ]
  `)
})
