import { Flags } from '@oclif/core'
import type { ConnectedNetwork } from '../../core/chain/network.ts'
import { transferErrors } from '../../core/chain/transfers/errors.ts'
import type { ListedTransfer } from '../../core/chain/transfers/transfer-list.ts'
import type { RecordedTransfer, TransferRecord } from '../../core/chain/transfers/transfer-record.ts'
import { accountOf } from '../../core/daemon/operator-key.ts'
import { failureReason } from '../../core/platform/errors.ts'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { examples } from '../base.ts'
import { addressArg, amountArg, fileFlag } from '../input-values.ts'
import { printLines, printTable } from '../print-table.ts'
import { feeCaps, SendingCommand, sendingFlags } from '../sending-command.ts'
import { usageErrors } from '../usage-errors.ts'

export default class WalletSend extends SendingCommand<typeof WalletSend> {
  static override description =
    `Send KAI, the chain's own coin, or both, to one or to many, and wait until it has arrived.

Amounts are whole units with decimals: 12.5 is twelve and a half KAI. To many, each line of --file, or each --to, is an address, KAI and the
coin: 0x…,1000,0.5. Everything is tried and totalled before anything is asked or sent, and --dry-run stops there. What is signed is
recorded before it leaves: the same command goes on where it was interrupted, and under one --name nobody is sent anything twice.
The record is in the folder "transfers" of --data-dir. Without --name it is that of the file at its place: pay.csv of another folder is another
list. Where everything of a list was sent before, nothing is sent, and "sent" is 0.`
  static override examples = examples(
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 100',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 0.05 --gas --key treasury',
    '--to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8=1000,0.5 --to 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC=10,0.5',
    '--file operators.txt --each 1000,0.05 --dry-run',
  )
  static override args = {
    address: addressArg({ description: 'Who receives it; several are named with --to or --file' }),
    amount: amountArg({ description: 'How much, in whole units with decimals' }),
  }
  static override flags = {
    ...sendingFlags,
    gas: Flags.boolean({
      description: 'Send the one address the chain’s own coin, which pays for gas, instead of KAI',
    }),
    to: Flags.string({
      description: 'One of several recipients, with KAI and the coin; give it once for each',
      helpValue: '<address>=<kai>[,<coin>]',
      multiple: true,
      multipleNonGreedy: true,
    }),
    file: fileFlag('File with a recipient on each line: <address>,<kai>,<coin>; "-" is the standard input'),
    each: Flags.string({
      description: 'What recipients get for whom no amounts are named',
      helpValue: '<kai>[,<coin>]',
    }),
    name: Flags.string({
      description:
        'Name under which it is recorded what each recipient of --to and --file was sent. Default: that of the file, with a mark of its folder, or "transfers"',
      helpValue: '<name>',
    }),
    'dry-run': Flags.boolean({
      description: 'Send nothing: show who would be sent what, the totals and the fees; needs no password',
    }),
  }

  async run() {
    const { to, file, each, name, gas, 'dry-run': isDryRun } = this.flags
    const { address, amount } = this.args
    const isMany = to !== undefined || file !== undefined
    if (isMany && (address !== undefined || gas))
      throw usageErrors.USAGE_INVALID({
        reason: '--to and --file name recipients and both amounts: no other ones go with them.',
      })
    if (isMany) return this.sendToMany()
    for (const [flag, value] of Object.entries({ each, name, 'dry-run': isDryRun || undefined }))
      if (value !== undefined) throw usageErrors.USAGE_INVALID({ reason: `--${flag} goes with --to or --file.` })
    if (address === undefined || amount === undefined)
      throw usageErrors.USAGE_INVALID({
        reason: 'Who is sent how much was not said: <address> <amount>, or --to or --file for several.',
      })
    return this.sendToOne(address, amount)
  }

  private async sendToOne(to: `0x${string}`, amount: bigint) {
    const target = await this.chainTarget()
    const from = await this.keyAddress()
    const { transferOf } = await import('../../core/chain/kai.ts')
    const network = await this.connectNetwork(target)
    const unit = this.flags.gas ? `of the coin of chain ${network.chainId}` : 'KAI'
    const call = await transferOf(network, { from, to, amount, unit: this.flags.gas ? 'coin' : 'KAI' })
    const question = `Send ${exactUnits(amount)} ${unit} from ${from} to ${to}?`
    const { receipt } = await this.sendCall(network, call, { question })
    this.log(
      `Sent ${exactUnits(amount)} ${unit} to ${to} in block ${receipt.blockNumber}, transaction ${receipt.hash}.`,
    )
    this.nextSteps([`kaisar wallet balance ${to}`])
    return { from, to, amount, unit: this.flags.gas ? 'coin' : 'KAI', txHash: receipt.hash, block: receipt.blockNumber }
  }

  private async sendToMany() {
    const list = await this.readList()
    const { nameOfListFile, namelessList, sentUnderOtherNames } = await import(
      '../../core/chain/transfers/list-name.ts'
    )
    const { file } = this.flags
    const name = this.givenName() ?? (file === undefined || file === '-' ? namelessList : nameOfListFile(file))
    const target = await this.chainTarget()
    const from = await this.keyAddress()
    const { assertWallet } = await import('../../core/chain/kai.ts')
    const records = await import('../../core/chain/transfers/transfer-record.ts')
    const network = await this.connectNetwork(target)
    for (const { to } of list) assertWallet(network, to)
    const { chainId } = network
    const path = records.transferPath(this.dataDir, { name, chainId, from })
    const source = { name, chainId, genesis: await this.genesis(network), token: network.contracts.KaisarToken, from }
    const readRecord = async () => {
      const { lookAgain } = await import('../../core/chain/transfers/transfer-outcomes.ts')
      const saved = records.readTransferRecord(path, source)
      const seen = await lookAgain(saved, network.chain)
      const gone = seen.transfers.filter((each, i) => each.block === null && saved.transfers[i]!.block !== null)
      if (gone.length > 0)
        this.warn(`A reorganisation of the chain took ${gone.length} of them out again: they are offered once more.`)
      // A list that was moved or copied would be paid a second time: nobody can tell, so a person is told.
      if (saved.transfers.length === 0 && this.flags.name === undefined)
        for (const other of sentUnderOtherNames(list, records.otherTransferRecords(this.dataDir, source)))
          this.warn(
            `${other.count} of ${list.length} were sent the same under the name "${other.name}": where this is that list at another place, give --name ${other.name}, or it is paid a second time.`,
          )
      return { saved, seen, record: records.withListed(seen, list) }
    }
    if (this.flags['dry-run']) return this.tell(network, list, (await readRecord()).record, path)
    // Two runs at once would sign for the same nonces.
    return this.alone(records.transferFolder(this.dataDir), async () => {
      const { saved, seen, record } = await readRecord()
      if (seen !== saved) records.writeTransferRecord(path, seen)
      return this.sendRecorded(network, list, record, path)
    })
  }

  /** @throws TRANSFERS_FILE_UNREADABLE, TRANSFERS_INVALID */
  private async readList(): Promise<ListedTransfer[]> {
    const { to = [], file, each } = this.flags
    const { readTransferList, recipientsOfFile } = await import('../../core/chain/transfers/transfer-list.ts')
    const { readFileSync } = await import('node:fs')
    const read = (path: string) => {
      try {
        return readFileSync(path === '-' ? 0 : path, 'utf8')
      } catch (cause) {
        throw transferErrors.TRANSFERS_FILE_UNREADABLE({ path, reason: failureReason(cause), cause })
      }
    }
    const inFlags = to.map(text => ({ place: `--to ${text}`, text }))
    return readTransferList([...(file === undefined ? [] : recipientsOfFile(read(file))), ...inFlags], each)
  }

  private givenName(): string | undefined {
    const { name } = this.flags
    if (name === undefined || /^\w[\w-]{0,63}$/.test(name)) return name
    throw usageErrors.USAGE_INVALID({ reason: `--name has 1 to 64 letters, digits, "-" or "_": "${name}" has not.` })
  }

  private async genesis(network: ConnectedNetwork): Promise<`0x${string}`> {
    const { blockAt } = await import('../../core/chain/blocks.ts')
    return (await blockAt(network, 0n)).hash
  }

  private async cost(network: ConnectedNetwork, record: TransferRecord) {
    const { costOfTransfers } = await import('../../core/chain/transfers/send-transfers.ts')
    return costOfTransfers(network, record, feeCaps(this.flags))
  }

  /** The transfers of the list, as the record has them. */
  private async listed(list: readonly ListedTransfer[], { transfers }: Pick<TransferRecord, 'transfers'>) {
    const { slotOf } = await import('../../core/chain/transfers/transfer-record.ts')
    const slots = new Set(list.map(slotOf))
    return transfers.filter(each => slots.has(slotOf(each)))
  }

  /** What a dry run shows. */
  private async tell(network: ConnectedNetwork, list: readonly ListedTransfer[], record: TransferRecord, path: string) {
    const { assertHolds } = await import('../../core/chain/transfers/send-transfers.ts')
    const cost = await this.cost(network, record)
    const transfers = await this.listed(list, record)
    const text = await this.totals(transfers.filter(isUnsigned))
    await printTable(
      this,
      [
        { title: 'to', cell: ({ to }) => to, isHex: true },
        { title: 'amount', cell: ({ amount }) => exactUnits(amount), numeric: true },
        { title: 'unit', cell: ({ unit }) => unit },
        { title: 'state', cell: stateText },
      ],
      transfers,
      'Nobody is sent anything.',
    )
    const count = transfers.filter(isUnsigned).length
    await printLines(this, [
      '',
      `${count} transactions would send ${text}; nothing is sent now.`,
      `  fees             at most ${exactUnits(cost.most)} of the coin of chain ${network.chainId}`,
      `  ${record.from} holds ${exactUnits(cost.balances.KAI)} KAI and ${exactUnits(cost.balances.coin)} of the coin`,
    ])
    try {
      assertHolds(record, cost)
    } catch (error) {
      this.warn(error as Error)
    }
    return this.result(network, record, { list, path, sent: 0, mostFees: cost.most })
  }

  private async sendRecorded(
    network: ConnectedNetwork,
    list: readonly ListedTransfer[],
    record: TransferRecord,
    path: string,
  ) {
    const { assertHolds, sendTransfers } = await import('../../core/chain/transfers/send-transfers.ts')
    const { writeTransferRecord } = await import('../../core/chain/transfers/transfer-record.ts')
    const { systemClock: clock } = await import('../../core/platform/clock.ts')
    const open = record.transfers.filter(({ block }) => block === null)
    const unsigned = open.filter(isUnsigned)
    if (open.length === 0) {
      this.warn(
        `Nothing was sent now: all ${list.length} transfers were sent before under the name "${record.name}". To send them once more, give another --name.`,
      )
      this.log(`Sent nothing. What was sent before is recorded in ${path}.`)
      return this.result(network, record, { list, path, sent: 0, mostFees: 0n })
    }
    const cost = await this.cost(network, record)
    assertHolds(record, cost)
    if (unsigned.length < record.transfers.length)
      this.progress(
        `Going on with ${path}: ${record.transfers.length - unsigned.length} of ${record.transfers.length} were signed before.`,
      )
    const caps = feeCaps(this.flags)
    // What a person agrees to is not exceeded; without a question the flags are the bound.
    const agreed = { ...caps, feePerGas: this.flags.yes ? caps.feePerGas : cost.maxFeePerGas }
    if (unsigned.length > 0)
      await this.confirm(
        `Send ${await this.totals(unsigned)} from ${record.from} in ${unsigned.length} transactions? Their fees are at most ${exactUnits(cost.most)} of the chain’s own coin.`,
      )
    const account = await accountOf(await this.operatorKey())
    const done = await sendTransfers(
      record,
      { gas: cost.gas, caps: agreed },
      {
        network,
        account,
        clock,
        save: now => writeTransferRecord(path, now),
        onMined: ({ to, unit, amount, block }) =>
          this.progress(`${exactUnits(amount)} ${unit === 'KAI' ? 'KAI' : 'of the coin'} to ${to}: block ${block}`),
      },
    )
    this.log(
      `Sent ${await this.totals(open)} from ${record.from} in ${open.length} transactions, under the name "${record.name}". Recorded in ${path}.`,
    )
    return this.result(network, done, { list, path, sent: open.length, mostFees: cost.most })
  }

  private async totals(transfers: readonly ListedTransfer[]): Promise<string> {
    const { totalsOf, totalsText } = await import('../../core/chain/transfers/transfer-list.ts')
    return totalsText(totalsOf(transfers))
  }

  /** @param given - `sent`: transfers that this run brought into a block, not those of earlier ones */
  private async result(
    { chainId }: ConnectedNetwork,
    record: TransferRecord,
    given: {
      readonly list: readonly ListedTransfer[]
      readonly path: string
      readonly sent: number
      readonly mostFees: bigint
    },
  ) {
    const { totalsOf } = await import('../../core/chain/transfers/transfer-list.ts')
    const transfers = await this.listed(given.list, record)
    return {
      from: record.from,
      chainId,
      name: record.name,
      file: given.path,
      sent: given.sent,
      totals: totalsOf(transfers),
      mostFees: given.mostFees,
      transfers: transfers.map(({ to, unit, amount, block, transaction }) => ({
        to,
        unit,
        amount,
        block,
        txHash: transaction,
      })),
    }
  }
}

const isUnsigned = ({ nonce }: Pick<RecordedTransfer, 'nonce'>): boolean => nonce === null

const stateText = ({ nonce, block }: RecordedTransfer): string =>
  block !== null ? `sent in block ${block}` : nonce === null ? '' : 'signed, not mined yet'
