/** Hardhat's node: EDR, an EVM that shares no code with anvil. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { startSupervised } from '../../../src/core/platform/supervised-process.ts'

const folder = fileURLToPath(new URL('../../evm/', import.meta.url))

/** One block a second, like `anvil --block-time 1`. Installs it first where it is not there. */
export async function startEdr(): Promise<{ readonly rpcUrl: string; stop(): Promise<unknown> }> {
  if (!existsSync(`${folder}node_modules/hardhat`)) await execa('npm', ['ci', '--ignore-scripts'], { cwd: folder })
  const listening = Promise.withResolvers<string>()
  const node = await startSupervised({
    name: 'edr',
    command: process.execPath,
    args: [
      'node_modules/hardhat/dist/src/cli.js',
      'node',
      '--network',
      'node',
      '--hostname',
      '127.0.0.1',
      '--port',
      '0',
    ],
    cwd: folder,
    env: { HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true' },
    onStdoutLine: line => {
      const url = line.match(/server at (http:\/\/127\.0\.0\.1:\d+)/)?.[1]
      if (url !== undefined) listening.resolve(url)
    },
  })
  void node.exited.then(({ exitCode }) => listening.reject(new Error(`Hardhat's node ended with ${exitCode}`)))
  return { rpcUrl: await listening.promise, stop: () => node.stop() }
}
