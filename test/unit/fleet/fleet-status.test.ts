import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { numberToHex, parseEther } from 'viem'
import { expect, onTestFinished, test } from 'vitest'
import { faultChanges, faultsOf, fleetStatus } from '../../../src/core/fleet/fleet-status.ts'
import { faultLines, fleetColumns, fleetTotals } from '../../../src/core/fleet/fleet-text.ts'
import { readHostList, readHosts } from '../../../src/core/fleet/read-hosts.ts'
import { startMetricsServer } from '../../../src/core/platform/metrics.ts'
import { createProviderMetrics } from '../../../src/core/provider/provider-metrics.ts'
import { lineText, textWidth } from '../../../src/core/view/line.ts'
import { tableLines } from '../../../src/core/view/table.ts'
import { address, device, deviceEpoch, networkView, nowMs } from '../operator/network-fixture.ts'

const wallet = address('b2')
const idOf = (i: number) => numberToHex(0xd000 + i, { size: 32 })
const operatorOf = (i: number) => numberToHex(0xa000 + i, { size: 20 })
const missed = deviceEpoch(5, { rate: 0n, uptime: 0, verdict: { verdict: 'MISSED', reason: 'it answered no round' } })

/** 500 devices on 125 hosts, each host with a key of its own; every 50th device was not there in the last epoch. */
const devices = Array.from({ length: 500 }, (_, i) =>
  device({
    id: idOf(i),
    operator: operatorOf(Math.floor(i / 4)),
    lane: i,
    ...(i % 50 === 0 ? { history: [deviceEpoch(4), missed] } : {}),
  }),
)
const view = networkView({
  devices: [...devices, device({ id: idOf(900), payout: address('c3'), rate: 1n } as object)],
})
const payments = devices.flatMap(({ id }) =>
  [4, 5].map(epoch => ({
    epoch,
    timestamp: 1,
    block: 1n,
    txHash: idOf(1),
    kind: 'device' as const,
    device: id,
    wallet,
    amount: parseEther('10'),
  })),
)
const status = fleetStatus({ view, wallet, hosts: [], payments, nowMs })

test('500 devices of one wallet: totals, and nobody else’s', () => {
  expect(status.devices.map(({ id }) => id)).toEqual(devices.map(({ id }) => id))
  expect(status.totals).toEqual({
    devices: 500,
    operators: 125,
    capacity: 490n * 1_000n,
    uptime: Math.round((490 * 9_950 + 10 * 4_975) / 500),
    earned: 500n * parseEther('20'),
    owed: 0n,
    faulty: 10,
    versions: {},
  })
  expect(status.devices[50]!.faults).toMatchObject([{ code: 'DEVICE_MISSED', device: idOf(50) }])
})

test('fits 80 columns, and tells the faults of many devices once', () => {
  const table = tableLines(fleetColumns, status.devices, { width: 80 }).map(lineText)
  expect(table).toHaveLength(501)
  const widest = [...table, ...fleetTotals(status)].filter(line => textWidth(line) > 80)
  expect(widest).toEqual([])
  expect(table[1]).toMatch(/MISSED.*DEVICE_MI/)
  const faults = faultLines(status).filter(line => line.startsWith('!'))
  expect(faults).toHaveLength(1)
  expect(faults[0]).toMatch(/^! DEVICE_MISSED {2}10 devices, such as 0x0000…d000: /)
})

test('what could not be delivered to the wallet is said once, not of each device', () => {
  const owing = fleetStatus({
    view: networkView({ devices: devices.map(each => ({ ...each, owed: 7n })) }),
    wallet,
    hosts: [],
    payments: [],
    nowMs,
  })
  expect(owing.totals.owed).toBe(7n)
  expect(owing.faults.map(({ code }) => code)).toEqual(['PAYMENT_OWED'])
  expect(owing.devices.flatMap(({ faults }) => faults.map(({ code }) => code))).not.toContain('PAYMENT_OWED')
})

test('hosts say which release they run, by the metrics of real daemons', async () => {
  const hostOf = async (version: string, ids: readonly `0x${string}`[]) => {
    const metrics = createProviderMetrics(
      { version },
      { readHead: async () => ({ number: 1n, timestamp: 1 }), now: () => nowMs },
    )
    for (const deviceId of ids)
      metrics.observe({
        type: 'round.committed',
        epoch: 1,
        round: idOf(1),
        deviceId,
        kind: 'tensor',
        units: 1,
        figures: { tensor: 1 },
        lostMs: 0,
      } as never)
    const server = await startMetricsServer({ port: 0 }, metrics)
    onTestFinished(() => server.close())
    return server.url
  }
  const page = createServer((_, response) => response.end('<html>'))
  await new Promise<void>(resolve => page.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void page.close())
  const urls = [
    await hostOf(
      '0.1.0',
      devices.slice(0, 4).map(({ id }) => id),
    ),
    await hostOf(
      '0.2.0',
      devices.slice(4, 12).map(({ id }) => id),
    ),
    `http://127.0.0.1:${(page.address() as AddressInfo).port}`,
    'http://127.0.0.1:1',
  ]
  const folder = mkdtempSync(join(tmpdir(), 'kaisar-hosts-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const list = join(folder, 'hosts.txt')
  writeFileSync(list, `# rack 1\n${urls.join('\n')}\n\n${urls[0]} # again\n`)
  expect(readHostList(list)).toEqual(urls)
  const seen = fleetStatus({ view, wallet, hosts: await readHosts(urls), payments: [], nowMs })
  expect(seen.totals.versions).toEqual({ '0.1.0': 4, '0.2.0': 8 })
  expect(fleetTotals(seen).at(-1)).toBe('versions  0.1.0 on 4, 0.2.0 on 8, unknown on 488; 2 of 4 hosts answered')
  expect(seen.faults.map(({ code }) => code)).toEqual(['HOST_UNREACHABLE', 'HOST_UNREACHABLE'])

  writeFileSync(list, 'http://10.0.0.1:9464\nrack-2\n')
  expect(() => readHostList(list)).toThrow(
    expect.objectContaining({
      code: 'FLEET_HOSTS_UNREADABLE',
      message: expect.stringContaining('line 2 is no address'),
    }),
  )
  // A path would be read at another place, and a password would stand in what is told of a host that is away.
  for (const line of ['https://gateway/host1', 'http://10.0.0.1:9464/?a=1', 'http://alice:hunter2@10.0.0.1:9464']) {
    writeFileSync(list, `${line}\n`)
    const told = expect.objectContaining({ message: expect.not.stringContaining('hunter2') })
    expect(() => readHostList(list), line).toThrow(told)
  }
  expect(() => readHostList(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'FLEET_HOSTS_UNREADABLE' }))
})

test('a fault is told when it comes and when it goes, and not in between', () => {
  const well = fleetStatus({
    view: networkView({ devices: devices.map(each => ({ ...each, history: [deviceEpoch(5)] })) }),
    wallet,
    hosts: [],
    payments: [],
    nowMs,
  })
  const [sick, over] = [faultsOf(status), faultsOf(well)]
  const came = faultChanges(new Map(), sick)
  expect(came).toHaveLength(10)
  expect(came[1]).toMatchObject({
    change: 'appeared',
    code: 'DEVICE_MISSED',
    device: idOf(50),
    operator: operatorOf(12),
  })
  expect(faultChanges(sick, faultsOf(status))).toEqual([])
  expect(faultChanges(sick, over).map(({ change }) => change)).toEqual(Array(10).fill('cleared'))
  // A host that is away has one fault, whatever its connection says in turn.
  const away = (trouble: string) =>
    faultsOf(
      fleetStatus({
        view: networkView({ devices: [] }),
        wallet,
        hosts: [{ url: 'http://10.0.0.1:9464', version: null, devices: [], trouble }],
        payments: [],
        nowMs,
      }),
    )
  expect(away('ECONNREFUSED').size).toBe(1)
  expect(faultChanges(away('no answer within 5 s'), away('ECONNREFUSED'))).toEqual([])
})
