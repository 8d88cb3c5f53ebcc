import { zeroHash } from 'viem'
import { beforeAll } from 'vitest'
import type { Identity } from '../../../src/core/transport/transport.ts'
import { createWebSocketTransport } from '../../../src/core/transport/websocket.ts'
import { createIdentity } from '../../helpers/identities.ts'
import { complies } from './compliance.ts'

complies('plain websocket', async () => ({
  server: limits => createWebSocketTransport({ dialsPrivate: true, identity: null, limits }),
  client: limits => createWebSocketTransport({ dialsPrivate: true, identity: null, limits }),
  anonymous: null,
  serverCertificateHash: zeroHash,
  clientCertificateHash: zeroHash,
}))

let server: Identity
let client: Identity
beforeAll(async () => {
  server = await createIdentity('checker')
  client = await createIdentity('provider')
})

complies('websocket over TLS', async () => ({
  server: limits => createWebSocketTransport({ dialsPrivate: true, identity: server, limits }),
  client: limits => createWebSocketTransport({ dialsPrivate: true, identity: client, limits }),
  anonymous: () => createWebSocketTransport({ dialsPrivate: true, identity: null }),
  serverCertificateHash: server.certificateHash,
  clientCertificateHash: client.certificateHash,
}))
