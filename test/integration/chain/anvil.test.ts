import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublicClient, createTestClient, http, parseEther, publicActions } from 'viem'
import { describe, expect, test } from 'vitest'
import { anvilBinary, startAnvil } from '../../../src/core/devnet/anvil.ts'
import { eventually } from '../../helpers/eventually.ts'

/** The first that anvil funds. */
const developmentAccount = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('startAnvil', () => {
  test('anvil listens on a free port, mines, and ends with its process', async () => {
    const anvil = await startAnvil({ chainId: 4242, blockTimeSeconds: 1 })
    const client = createPublicClient({ transport: http(anvil.rpcUrl) })
    expect(await client.getChainId()).toBe(4242)
    expect(alive(anvil.pid)).toBe(true)
    await anvil.stop()
    expect(alive(anvil.pid)).toBe(false)
  })

  test('the states of old blocks are kept while it runs, and go with it', async () => {
    const folders = () => readdirSync(tmpdir()).filter(name => name.startsWith('kaisar-anvil-'))
    const before = folders()
    const anvil = await startAnvil()
    const client = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).extend(publicActions)
    await client.mine({ blocks: 600 })
    const [folder] = folders().filter(name => !before.includes(name))
    expect(readdirSync(join(tmpdir(), folder!), { recursive: true }).length).toBeGreaterThan(1)
    expect(await client.getBalance({ address: developmentAccount, blockNumber: 1n })).toBe(parseEther('10000'))
    await anvil.stop()
    expect(folders()).toEqual(before)
  })

  test('a port that is in use gives an error with a code', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    await expect(startAnvil({ port: address.port })).rejects.toMatchObject({ code: 'ANVIL_START_FAILED' })
    server.close()
  })

  test('a missing anvil binary gives an error with a code', async () => {
    await expect(startAnvil({}, { binary: '/nowhere/anvil' })).rejects.toMatchObject({ code: 'ANVIL_MISSING', exit: 3 })
    expect(() => anvilBinary('plan9', 'vax')).toThrow(expect.objectContaining({ code: 'ANVIL_MISSING' }))
  })

  test.runIf(process.platform === 'linux')(
    'no anvil is left behind when its parent is killed with SIGKILL',
    async () => {
      const script = `import { startAnvil } from './src/core/devnet/anvil.ts'
      const anvil = await startAnvil(); console.log(anvil.pid); setInterval(() => {}, 1000)`
      const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [chunk] = (await once(parent.stdout, 'data')) as [Buffer]
      const pid = Number(chunk.toString())
      expect(
        execFileSync('ps', ['-o', 'comm=', '-p', String(pid)])
          .toString()
          .trim(),
      ).toBe('anvil')
      parent.kill('SIGKILL')
      await eventually(() => expect(alive(pid)).toBe(false))
    },
  )
})
