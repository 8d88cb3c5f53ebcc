/** Whatever a command wants to send, a key that cannot pay for it is told how much of what is missing, and to which address it has to go. */
import { type Hex, parseEther, toHex } from 'viem'
import { beforeAll, describe, expect, test } from 'vitest'
import { getDevices } from '../../../src/core/chain/devices.ts'
import { chainErrors } from '../../../src/core/chain/errors.ts'
import { checkerErrors } from '../../../src/core/checker/errors.ts'
import { errorCatalogue, type KaisarError } from '../../../src/core/platform/errors.ts'
import { providerErrors } from '../../../src/core/provider/errors.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { mineAt, networkForTests, testAddress, testKey } from '../../helpers/deploy.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const { network, deployment, firstEpochAt } = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 1 })
const device = (await getDevices(network))[0]!.id
const addresses = {
  owner: devAccount(0).address.toLowerCase(),
  operator: testAddress('operator', 0),
  payout: testAddress('payout', 0),
  'checker-payout': testAddress('payout', 100),
  nobody: testAddress('operator', 900),
} as const
const home = await cliHome({
  owner: toHex(devAccount(0).getHdKey().privateKey!),
  operator: testKey('operator', 0),
  payout: testKey('payout', 0),
  'checker-payout': testKey('payout', 100),
  nobody: testKey('operator', 900),
})
home.chooseNetwork(deployment, anvil)
const other = testAddress('payout', 901)

/** That much of the coin for every key. */
const giveAll = async (value: bigint) => {
  for (const address of Object.values(addresses)) await anvil.client.setBalance({ address: address as Hex, value })
}

const amount = String.raw`\d+(\.\d+)?`

describe('without the chain’s own coin', () => {
  beforeAll(async () => {
    await giveAll(0n)
    // Inside epoch 0 there is a seed to be made.
    await mineAt(anvil, firstEpochAt + 4)
  })

  test.each([
    ['owner', ['wallet', 'send', other, '1']],
    ['owner', ['wallet', 'send', other, '1', '--gas']],
    ['owner', ['wallet', 'send', '--to', `${other}=1`]],
    ['owner', ['wallet', 'send', '--to', `${other}=,1`]],
    ['owner', ['chain', 'fund', '1']],
    ['owner', ['chain', 'handover', other]],
    ['owner', ['chain', 'deploy', '--preset', 'devnet', '--name', 'second']],
    ['operator', ['device', 'exit', device]],
    ['payout', ['device', 'payout', device, other]],
    ['checker-payout', ['checker', 'unbond']],
    ['nobody', ['epoch', 'settle']],
  ] as const)('the key %s is told what kaisar %j needs', async (key, words) => {
    const confirm = words[0] === 'epoch' || words[1] === 'deploy' ? [] : ['--yes']
    const run = await home.kaisar(...words, ...confirm, '--key', key, '--password-file', home.passwordFile, '--json')
    const [error] = run.json().errors
    expect([run.exitCode, error?.code], run.stdout).toEqual([3, 'FUNDS_INSUFFICIENT'])
    const said = new RegExp(
      `^${addresses[key]} holds 0 of the chain’s own coin and needs (${amount}): send it ${amount} or more\\.$`,
    )
    expect(error?.message).toMatch(said)
    expect(error?.fix).toContain('kaisar wallet send <address> <amount> --gas')
  })
})

describe('without KAI', () => {
  beforeAll(() => giveAll(parseEther('10')))

  test.each([
    ['wallet', 'send', other, '3'],
    ['wallet', 'send', '--to', `${other}=3`],
    ['chain', 'fund', '3'],
  ])('a key is told what kaisar %s %s needs', async (...words) => {
    const run = await home.signing(...words, '--key', 'nobody')
    const [error] = run.json().errors
    expect([run.exitCode, error?.code], run.stdout).toEqual([3, 'KAI_INSUFFICIENT'])
    expect(error?.message).toBe(`${addresses.nobody} holds 0 KAI and needs 3: send it 3 KAI or more.`)
    expect(error?.fix).toContain('kaisar wallet send <address> <amount>')
  })
})

describe('without both', () => {
  beforeAll(() => giveAll(0n))

  test.each([
    ['wallet', 'send', other, '3'],
    ['wallet', 'send', '--to', `${other}=3`],
    ['chain', 'fund', '3'],
  ])('a key is told both at once by kaisar %s %s', async (...words) => {
    const run = await home.signing(...words, '--key', 'nobody')
    const [error] = run.json().errors
    expect([run.exitCode, error?.code], run.stdout).toEqual([3, 'KAI_AND_COIN_INSUFFICIENT'])
    expect(error?.message).toMatch(
      new RegExp(
        `^${addresses.nobody} holds 0 KAI and 0 of the chain’s own coin, and needs 3 KAI and ${amount} of the coin: send it 3 KAI and ${amount} of the coin or more\\.$`,
      ),
    )
    expect(error?.fix).toContain('kaisar wallet send --to <address>=<kai>,<coin>')
  })
})

test('every error about money that is missing says how much, of what, and to which address it goes', () => {
  const account = addresses.nobody
  const [balance, needed] = [parseEther('1.5'), parseEther('4')]
  const coin = { balance: 1n, needed: 1n }
  const errors: Readonly<Record<string, KaisarError>> = {
    FUNDS_INSUFFICIENT: chainErrors.FUNDS_INSUFFICIENT({ account, balanceWei: balance, neededWei: needed }),
    KAI_INSUFFICIENT: chainErrors.KAI_INSUFFICIENT({ account, balance, needed }),
    PROVIDER_DEPOSIT_MISSING: providerErrors.PROVIDER_DEPOSIT_MISSING({ account, balance, needed, devices: 2, coin }),
    CHECKER_BOND_MISSING: checkerErrors.CHECKER_BOND_MISSING({ account, balance, needed, seats: 1, coin }),
  }
  const both = chainErrors.KAI_AND_COIN_INSUFFICIENT({
    account,
    balances: { KAI: balance, coin: 0n },
    needed: { KAI: needed, coin: parseEther('0.25') },
  })
  expect(both.message).toContain(': send it 2.5 KAI and 0.25 of the coin or more.')
  const ofMoney = [...errorCatalogue.keys()].filter(code => /INSUFFICIENT|(DEPOSIT|BOND)_MISSING|FUNDS/.test(code))
  expect([...Object.keys(errors), both.code].sort()).toEqual(ofMoney.sort())
  for (const [code, { message, fix, exit }] of Object.entries(errors)) {
    expect(message, code).toContain(account)
    expect(message, code).toMatch(/ 4[ :].*send it 2\.5 (KAI )?or more\.$/)
    expect(message, code).toContain(code === 'FUNDS_INSUFFICIENT' ? 'of the chain’s own coin' : 'KAI')
    expect(fix, code).toContain('kaisar wallet send <address> <amount>')
    expect(exit, code).toBe(3)
  }
})
