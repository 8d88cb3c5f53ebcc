import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import { openOwnState, ownChainTable } from '../../../src/core/daemon/own-chain.ts'
import { anvilForTests } from '../../helpers/anvil.ts'

const folder = mkdtempSync(join(tmpdir(), 'own-chain-'))
afterAll(() => rmSync(folder, { recursive: true }))
const options = {
  path: join(folder, 'state.db'),
  migrations: ['CREATE TABLE seen (word TEXT NOT NULL) STRICT;', ownChainTable],
}
const before = await anvilForTests({ timestamp: 1_700_000_000 })
const after = await anvilForTests({ timestamp: 1_700_000_060 })

/** Opens the state on this chain, as a daemon does at its start; gives what is recorded in it. */
async function openOn(rpcUrl: string) {
  const chain = await connectChain({ rpcUrls: [rpcUrl] })
  const { store, otherChainTo } = await openOwnState(options, { chain, now: () => 0 })
  const seen = store.all<{ word: string }>('SELECT word FROM seen').map(({ word }) => word)
  if (seen.length === 0) store.run('INSERT INTO seen (word) VALUES (?)', rpcUrl)
  store.close()
  return { seen, otherChainTo }
}

it('the state of a chain that was started anew with the same id is set aside, and the state of this chain is kept', async () => {
  expect(await openOn(before.rpcUrl)).toEqual({ seen: [], otherChainTo: null })
  expect(await openOn(before.rpcUrl)).toEqual({ seen: [before.rpcUrl], otherChainTo: null })
  const aside = `${options.path}.of-another-chain-1970-01-01T00-00-00.000Z`
  expect(await openOn(after.rpcUrl)).toEqual({ seen: [], otherChainTo: aside })
  expect(await openOn(after.rpcUrl)).toEqual({ seen: [after.rpcUrl], otherChainTo: null })
  expect(readdirSync(folder)).toContain(aside.slice(folder.length + 1))
})
