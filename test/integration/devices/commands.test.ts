import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { runCliHere } from '../../helpers/cli-in-process.ts'
import { isolatedHome } from '../../helpers/run-cli.ts'
import { makeSyntheticGpu } from '../../unit/attestation/synthetic-evidence.ts'

const claim = fileURLToPath(new URL('../../../fixtures/gpu/nvidia-smi-h100-claim.xml', import.meta.url))
const evidence = fileURLToPath(new URL('../../../fixtures/attestation/hopper_evidence.json', import.meta.url))

const home = isolatedHome()
const tools = mkdtempSync(join(tmpdir(), 'kaisar-tools-'))
afterAll(() => {
  for (const folder of [home.path, tools]) rmSync(folder, { recursive: true, force: true })
})
const kaisar = (...args: string[]) =>
  runCliHere([...args, '--json'], { env: { ...home.env, PATH: `${tools}${delimiter}${process.env.PATH}` } })
const install = (tool: string, script: string) => {
  writeFileSync(join(tools, tool), `#!/bin/sh\n${script}\n`)
  chmodSync(join(tools, tool), 0o755)
}
const file = (name: string, content: string) => {
  writeFileSync(join(tools, name), content)
  return join(tools, name)
}
const pemOf = (chain: readonly Buffer[]) =>
  chain.map(der => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`).join('')
type Coded = { code: string; critical: boolean; contradiction: { field: string } | null }

describe('provider setup-gpu', () => {
  it('says of every engine what is there, and installs nothing where nobody can answer', async () => {
    const { exitCode, json } = await kaisar('provider', 'setup-gpu')
    type Engine = { engine: string; state: string; parts: { found: boolean; commands: string[] }[] }
    const { data, errors } = json<{ engines: Engine[]; steps: object[] }>()
    expect(data.engines.map(({ engine }) => engine)).toEqual(['cuda', 'webgpu', 'cpu', 'containers'])
    expect(data.engines[2]).toMatchObject({ state: 'works', parts: [{ found: true, commands: [] }] })
    expect(data.steps).toEqual([])
    // Whatever cards this host has.
    const ofCards = data.engines.slice(0, 2).map(({ state }) => state)
    const isUsable = ofCards.includes('works') || ofCards.every(state => state === 'unused')
    expect({ exitCode, codes: errors.map(({ code }) => code) }).toEqual(
      isUsable ? { exitCode: 0, codes: [] } : { exitCode: 3, codes: ['GPU_SETUP_INCOMPLETE'] },
    )
    for (const { found, commands } of data.engines.flatMap(({ parts }) => parts))
      expect(commands.length > 0).toBe(!found)
  })
})

describe('provider doctor', () => {
  it('ends 0 with the devices of a recording, and 3 with the fix where a fault is critical', async () => {
    const good = await kaisar('provider', 'doctor', '--recording', claim)
    expect(good.exitCode).toBe(0)
    expect(good.json().data).toMatchObject({
      state: 'healthy',
      devices: [{ model: 'NVIDIA H100 80GB HBM3', memoryMiB: 81559 }],
      faults: [],
    })
    const bad = await kaisar(
      'provider',
      'doctor',
      '--recording',
      file('gone.txt', 'Unable to determine the device handle for GPU0000:07:00.0: Unknown Error\n'),
    )
    expect(bad.exitCode).toBe(3)
    const { data, errors } = bad.json() as unknown as { data: { faults: Coded[] }; errors: { code: string }[] }
    expect(data.faults).toEqual([
      expect.objectContaining({
        code: 'GPU_LOST',
        critical: true,
        fix: expect.stringMatching(/\S/),
        meaning: expect.stringMatching(/\S/),
      }),
    ])
    expect(errors[0]!.code).toBe('GPU_NOT_READY')
  })

  it('reports the contradictions of a fake nvidia-smi on this machine', async () => {
    install('nvidia-smi', `cat "${claim}"`)
    const { data } = (await kaisar('provider', 'doctor')).json() as unknown as {
      data: { devices: { model: string }[]; faults: Coded[] }
    }
    expect(data.devices[0]!.model).toBe('NVIDIA H100 80GB HBM3')
    // On a machine with a real card the claim contradicts that card instead.
    const contradictions = data.faults.filter(({ contradiction }) => contradiction !== null)
    expect(contradictions.map(({ code }) => code)).toContain('GPU_CLAIM_NO_PCI_DEVICE')
    expect(contradictions.every(({ critical }) => !critical)).toBe(true)
  })
})

describe('checker verify-attestation', () => {
  it('ends 4 and names the step for evidence that does not end in NVIDIA’s root', async () => {
    const gpu = await makeSyntheticGpu()
    const { report, chain } = gpu.sign()
    const result = await kaisar(
      'checker',
      'verify-attestation',
      file('report.txt', report.toString('hex')),
      '--chain',
      file('chain.pem', pemOf(chain)),
    )
    expect(result.exitCode).toBe(4)
    expect(result.json()).toMatchObject({
      success: false,
      data: { valid: false, failedStep: 'chain' },
      errors: [{ code: 'ATTESTATION_INVALID' }],
    })
  })

  it.each([
    ['a chain that is missing', [claim], 'ATTESTATION_CHAIN_MISSING', 2],
    ['a nonce of the wrong length', [claim, '--nonce', 'abcd'], 'ATTESTATION_NONCE_INVALID', 2],
    ['a file that is not there', ['/no/such/evidence.json'], 'ATTESTATION_FILE_UNREADABLE', 3],
  ])('says what is wrong with %s', async (_, args, code, exitCode) => {
    const result = await kaisar('checker', 'verify-attestation', ...args)
    expect({ exitCode: result.exitCode, code: result.json().errors[0]?.code }).toEqual({ exitCode, code })
  })

  it('ends 0 for evidence of a real card, and 4 for another nonce than was asked for', async () => {
    const good = await kaisar('checker', 'verify-attestation', evidence)
    expect(good.exitCode).toBe(0)
    expect(good.json().data).toMatchObject({ valid: true, devices: [{ valid: true, revocation: 'not checked' }] })
    const bad = await kaisar('checker', 'verify-attestation', evidence, '--nonce', '00'.repeat(32))
    expect(bad.exitCode).toBe(4)
    expect(bad.json().data).toMatchObject({ valid: false, failedStep: 'nonce' })
  })

  it('judges the GPU of a board and names the switch beside it; a switch alone is refused as one', async () => {
    const { report, chain } = (await makeSyntheticGpu({ leafName: 'LS_10 A01 FSP FMC LF' })).sign()
    const lswitch = {
      arch: 'LS10',
      evidence: report.toString('base64'),
      certificate: Buffer.from(pemOf(chain)).toString('base64'),
    }
    const board = JSON.stringify([...JSON.parse(readFileSync(evidence, 'utf8')), lswitch])
    const good = await kaisar('checker', 'verify-attestation', file('board.json', board))
    expect(good.exitCode).toBe(0)
    expect(good.json().data).toMatchObject({
      valid: true,
      devices: [
        { device: 'gpu', valid: true },
        { device: 'switch', valid: false },
      ],
    })
    const alone = await kaisar('checker', 'verify-attestation', file('switch.json', JSON.stringify([lswitch])))
    expect(alone.exitCode).toBe(4)
    expect(alone.json().errors[0]!.message).toMatch(/NVSwitch \(arch LS10\), not of a GPU/)
  })
})

describe('provider attest', () => {
  const attest = () =>
    kaisar('provider', 'attest', '--chain-id', '31337', '--operator', '0x70997970C51812dc3A010C7d01b50e0d17dc79C8')

  it('says which tool is missing', async () => {
    install('nvidia-smi', `cat "${claim}"`)
    const result = await attest()
    expect({ exitCode: result.exitCode, code: result.json().errors[0]?.code }).toEqual({
      exitCode: 3,
      code: 'ATTESTATION_COLLECTOR_MISSING',
    })
  })

  it('passes the bound nonce to the collector and refuses evidence over another one', async () => {
    install('nvidia-smi', `cat "${claim}"`)
    install('nvattest', `echo "$@" > "${tools}/asked"; echo 'collecting'; cat "${evidence}"`)
    const result = await attest()
    expect(result.exitCode).toBe(4)
    const { data } = result.json() as unknown as {
      data: { devices: { nonce: string; result: { failedStep: string } }[] }
    }
    expect(data.devices[0]!.result.failedStep).toBe('nonce')
    expect(readFileSync(join(tools, 'asked'), 'utf8').trim()).toBe(
      `collect-evidence --device gpu --nonce ${data.devices[0]!.nonce}`,
    )
  })
})
