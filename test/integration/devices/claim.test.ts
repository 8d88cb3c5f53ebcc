/**
 * A tool on the PATH claims an H100 on a host that computes on its CPU: it is registered as a claim, the doctor and the Checker report
 * the contradiction, and it adds nothing to what the device earns.
 */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { bytesToHex, type Hex, parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { getDevice } from '../../../src/core/chain/devices.ts'
import { type DeviceJudgement, judgeDeviceReport } from '../../../src/core/checker/device-check.ts'
import { packCohort } from '../../../src/core/checker/epoch/pack.ts'
import { createCheckerJournal, type RecordedVerdict } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { createRecordPolicy } from '../../../src/core/checker/record-policy.ts'
import { nodeHost } from '../../../src/core/devices/host.ts'
import { createHostProbe } from '../../../src/core/devices/host-probe.ts'
import type { ProbedDevice, ProbeResult } from '../../../src/core/devices/probed-device.ts'
import { unpackOpening } from '../../../src/core/epoch/opening.ts'
import { tally } from '../../../src/core/epoch/tally.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import {
  encodeDeviceRecord,
  encodeEnvironmentRecord,
  environmentHash,
} from '../../../src/core/protocol/device-record.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { ownDevices } from '../../../src/core/provider/own-devices.ts'
import { registerDevices } from '../../../src/core/provider/register-devices.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { deployForTests, testAddress, writerFor } from '../../helpers/deploy.ts'
import { environmentRecord as environment } from '../../helpers/environment.ts'
import { creditsOf } from '../../helpers/epoch-credits.ts'
import { isolatedHome, runCli } from '../../helpers/run-cli.ts'
import { senderForTests } from '../../helpers/sender.ts'

const fixture = fileURLToPath(new URL('../../../fixtures/gpu/nvidia-smi-h100-claim.xml', import.meta.url))
const home = isolatedHome()
const tools = mkdtempSync(join(tmpdir(), 'kaisar-claim-'))
const PATH = process.env.PATH ?? ''
const claimingPath = `${tools}${delimiter}${PATH}`
for (const [name, script] of [
  ['nvidia-smi', `cat '${fixture}'`],
  ['dmesg', 'exit 0'],
] as const) {
  writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(tools, name), 0o755)
}
afterAll(() => {
  for (const folder of [tools, home.path]) rmSync(folder, { recursive: true, force: true })
})

async function probeWith(path: string): Promise<ProbeResult> {
  process.env.PATH = path
  try {
    return await createHostProbe({}, { host: nodeHost }).probe()
  } finally {
    process.env.PATH = PATH
  }
}

const claimed = await probeWith(claimingPath)
const honest = await probeWith(PATH)
/** Only a host without a card can show that one is claimed. */
const hasNoCard = honest.devices.every(({ record }) => record.kind === 'cpu')

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const account = devAccount(4)
const privateKey = bytesToHex(account.getHdKey().privateKey!)
const certificateHash = hash(0xce)
const nonce = hash(0xaa)
/** What the CPU of a host does, claimed as an H100's work. */
const cpuRate = 171_000

describe.skipIf(!hasNoCard)('a claimed H100 (needs a host without a GPU)', () => {
  let network: Awaited<ReturnType<typeof deployForTests>>['network']
  let sender: ReturnType<typeof senderForTests>['sender']
  let signer: ReturnType<typeof createSigner>
  const judgements: Record<string, DeviceJudgement> = {}

  beforeAll(async () => {
    const anvil = await anvilForTests()
    const deployed = await deployForTests(anvil)
    network = deployed.network
    await writerFor(anvil)({
      from: deployed.deployer.address,
      to: network.contracts.KaisarToken,
      abi: kaisarTokenAbi,
      functionName: 'transfer',
      args: [account.address, parseEther('100')],
    })
    sender = senderForTests(network.chain, account).sender
    signer = createSigner({ privateKey, network })
  })
  afterAll(() => sender.stop())

  it('is what the doctor sees, with the field that contradicts', async () => {
    const { exitCode, stderr, json } = await runCli(['provider', 'doctor', '--json'], {
      env: { ...home.env, PATH: claimingPath },
    })
    expect(exitCode, stderr).toBe(0)
    type Fault = { code: string; critical: boolean; contradiction: { field: string; source: string } | null }
    const { devices, faults } = json<{ devices: { model: string }[]; faults: Fault[] }>().data
    expect(devices.map(({ model }) => model)).toEqual(['NVIDIA H100 80GB HBM3'])
    const found = faults.map(({ code, contradiction }) => [code, contradiction?.field])
    expect(found).toContainEqual(['GPU_CLAIM_NO_KERNEL_DRIVER', 'driver'])
    expect(faults.filter(({ critical }) => critical)).toEqual([])
  })

  it('is registered as the claim it is', async () => {
    const [own] = ownDevices(claimed, signer.address)
    const [registered] = await registerDevices({ network, payout: testAddress('payout', 1), certificateHash }, [own!], {
      sender,
      attest: async () => null,
    })
    expect(registered!.change).toBe('registered')
    expect(registered!.device.record).toMatchObject({
      deviceHash: own!.probed.deviceHash,
      attestedIdentity: zeroBytes32,
    })
    expect(own!.probed.record.model).toBe('NVIDIA H100 80GB HBM3')
  })

  /** What a Checker makes of a device's signed report, after its first valid round. */
  async function judge(result: ProbeResult): Promise<{ probed: ProbedDevice; judgement: DeviceJudgement }> {
    const [own] = ownDevices(result, signer.address)
    const { deviceId, probed } = own!
    const known = await getDevice(network, deviceId)
    const registration = {
      deviceId,
      generation: known?.generation ?? 1,
      operator: signer.address,
      deviceHash: known?.record.deviceHash ?? probed.deviceHash,
      certificateHash,
      attestedIdentity: zeroBytes32,
    }
    const report = await signMessage(signer, 'DeviceReport', {
      deviceId,
      generation: registration.generation,
      nonce,
      deviceHash: probed.deviceHash,
      environmentHash: environmentHash(environment),
      certificateHash,
      attestationHash: zeroBytes32,
    })
    const texts = { device: encodeDeviceRecord(probed.record), environment: encodeEnvironmentRecord(environment) }
    const judgement = await judgeDeviceReport(
      {
        network,
        registration,
        nonce,
        peerCertificateHash: certificateHash,
        body: { report, ...texts, attestation: null },
      },
      { policy: createRecordPolicy(network, { measuredRate: () => cpuRate, identityOwner: async () => null }) },
    )
    return { probed, judgement }
  }

  it('is contradicted by the Checker, who takes no flag for it', async () => {
    const { judgement } = await judge(claimed)
    expect(judgement.findings.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['CLAIM_WORK', 'CLAIM_WORKS_ON_CPU']),
    )
    expect(judgement).toMatchObject({ deviceValid: true, environmentValid: true })
    judgements.claimed = judgement
    judgements.honest = (await judge(honest)).judgement
    expect(judgements.honest.findings).toEqual([])
  })

  /** What a round of this rate is worth: tensor and memory rounds take turns. */
  const worth = (rate: number, ordinal: number): Pick<RecordedVerdict, 'kind' | 'figures'> =>
    ordinal % 2 === 0
      ? { kind: 'tensor', figures: { tensor: rate } }
      : { kind: 'memory', figures: { bandwidth: rate, resident: rate } }

  /** A seat's opening after rounds with these rates; the rates are the test's, so that nothing but the claim differs. */
  function openingOf(judgement: DeviceJudgement, rates: readonly number[], answered: number) {
    const store = openStore({ path: ':memory:', migrations: [...checkerMigrations] })
    const journal = createCheckerJournal(store)
    const deviceId = hash(1)
    rates.forEach((rate, ordinal) => {
      const round = hash(900 + ordinal)
      const message = {
        epoch: 0n,
        round,
        deviceId,
        generation: 1,
        specHash: zeroBytes32,
        rows: BigInt(rate),
        root: hash(3),
        environmentHash: judgement.environmentHash,
      }
      journal.recordVerdict({
        round,
        deviceId,
        epoch: 0,
        generation: 1,
        verdict: rate > 0 ? 'VALID' : 'TIMEOUT',
        reason: rate > 0 ? 'ALL_EQUAL' : 'NO_COMMITMENT',
        detail: '',
        ...worth(rate, ordinal),
        commitmentHash: rate > 0 ? hash(500 + ordinal) : null,
        commitment: rate > 0 ? { message, signature: `0x${'01'.repeat(65)}` } : null,
        evidence: null,
        witness: null,
      })
    })
    const beats = Array.from({ length: 10 }, (_, beat) => hash(950 + beat))
    for (const [beat, round] of beats.entries())
      journal.recordVerdict({
        ...{ round, deviceId, epoch: 0, generation: 1, detail: '', kind: 'beat' },
        ...(beat < answered
          ? { verdict: 'VALID', reason: 'ALL_EQUAL', figures: { bandwidth: 1e6, resident: 1e6 } }
          : { verdict: 'OFFLINE', reason: 'NO_SESSION', figures: {} }),
        ...{ commitmentHash: null, commitment: null, evidence: null, witness: null },
      })
    journal.recordDeviceCheck({ deviceId, epoch: 0, ...judgement, report: '{}' })
    const device = { deviceId, generation: 1, operator: signer.address, cohort: 0, lane: 0 }
    const rounds = rates.map((_, ordinal) => {
      const { kind } = worth(0, ordinal)
      return { number: BigInt(ordinal), hash: hash(900 + ordinal), timestamp: ordinal, slot: 0, ordinal, kind }
    })
    const all = [
      ...rounds,
      ...beats.map((hash, i) => ({ number: 9n, hash, timestamp: 9, slot: 0, ordinal: 4 + i, kind: 'beat' as const })),
    ]
    const { words } = packCohort(journal, { epoch: 0, devices: [device], rounds: all, maxRounds: 14, beatShare: 30 })
    store.close()
    return words
  }

  it('adds nothing: the same evidence gives the same words, tally, score and credit with and without it', () => {
    const rates = fc.array(fc.integer({ min: 0, max: 400_000 }), { minLength: 2, maxLength: 4 })
    const seats = fc.array(fc.record({ rates, answered: fc.nat(10) }), { minLength: 5, maxLength: 5 })
    let scored = 0
    const occupied = Array.from({ length: 64 }, (_, lane) => lane === 0)
    fc.assert(
      fc.property(seats, fc.bigInt({ min: 0n, max: 10n ** 9n }), (given, standing) => {
        const [withClaim, without] = [judgements.claimed!, judgements.honest!].map(judgement => {
          const words = given.map(seat => openingOf(judgement, seat.rates, seat.answered))
          const result = tally(words.map(unpackOpening), occupied)
          return { words, result, pay: creditsOf([{ lane: result.lanes[0]!, standing }], 1_000_000n) }
        })
        expect(withClaim).toEqual(without)
        if (withClaim!.pay.credits[0]!.score > 0n) scored++
      }),
      { numRuns: 40 },
    )
    expect(scored).toBeGreaterThan(5)
  })
})
