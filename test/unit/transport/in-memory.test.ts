import { zeroHash } from 'viem'
import { createInMemoryNetwork } from '../../helpers/in-memory-transport.ts'
import { complies } from './compliance.ts'

const [serverHash, clientHash] = [`0x${'aa'.repeat(32)}`, `0x${'bb'.repeat(32)}`] as const

complies('in-memory with certificates', async () => {
  const network = createInMemoryNetwork()
  return {
    server: limits => network.transport({ certificateHash: serverHash, limits }),
    client: limits => network.transport({ certificateHash: clientHash, limits }),
    anonymous: () => network.transport(),
    serverCertificateHash: serverHash,
    clientCertificateHash: clientHash,
  }
})

complies('in-memory without certificates', async () => {
  const network = createInMemoryNetwork()
  return {
    server: limits => network.transport({ limits }),
    client: limits => network.transport({ limits }),
    anonymous: null,
    serverCertificateHash: zeroHash,
    clientCertificateHash: zeroHash,
  }
})
