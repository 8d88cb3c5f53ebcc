import { fileURLToPath } from 'node:url'
import { Args, Config, Flags } from '@oclif/core'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { BaseCommand, chainFlags, confirmFlags } from '../../../src/commands/base.ts'
import { defineErrors } from '../../../src/core/platform/errors.ts'

const errors = defineErrors({
  TEST_REFUSED: {
    message: () => 'The bundle does not verify.',
    meaning: 'A row is wrong.',
    fix: 'Ask again.',
    exit: 4,
  },
  TEST_ODD: {
    message: ({ input }: { input: string }) => `${input} is odd.`,
    meaning: 'Even is.',
    fix: 'Add one.',
    exit: 2,
  },
})

class Sample extends BaseCommand<typeof Sample> {
  static override id = 'sample'
  static override args = { how: Args.string({ description: 'how to end', default: 'well' }) }
  static override flags = {
    ...chainFlags,
    ...confirmFlags,
    count: Flags.integer({ description: 'a number', default: 1 }),
    kind: Flags.string({ description: 'a choice', options: ['a', 'b'] }),
    verbose: Flags.boolean({ description: 'a switch' }),
    even: Flags.custom<number>({
      description: 'a number of ours',
      parse: async input => {
        if (Number(input) % 2 !== 0) throw errors.TEST_ODD({ input })
        return Number(input)
      },
    })(),
  }

  async run() {
    this.warn('careful')
    this.log('some text')
    this.event('round', { rows: 5n }, 'five rows')
    if (this.args.how === 'refused') this.fail(errors.TEST_REFUSED(), { row: 7 })
    if (this.args.how === 'broken') throw new TypeError('x is undefined')
    if (this.args.how === 'asking') await this.confirm('Remove everything?')
    if (this.args.how === 'leaks') {
      const { rpcUrls } = await this.chainTarget()
      this.event('asked', { at: rpcUrls }, `asked ${rpcUrls}`)
      throw errors.TEST_ODD({ input: `${rpcUrls}` })
    }
    if (this.args.how === 'chain') return { ...(await this.chainTarget()), rpc: this.flags['rpc-url'] }
    const { count, kind, verbose } = this.flags
    return { count, kind, verbose, wei: 2n ** 70n }
  }
}

class Streaming extends Sample {
  static override readonly streaming = true
}

let config: Config
let stdout = ''
let stderr = ''

beforeAll(async () => {
  config = await Config.load(fileURLToPath(new URL('../../../', import.meta.url)))
})
beforeEach(() => {
  stdout = ''
  stderr = ''
  vi.spyOn(process.stdout, 'write').mockImplementation(text => {
    stdout += text
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    stderr += text
    return true
  })
  // oclif prints through the console.
  vi.spyOn(console, 'log').mockImplementation(text => {
    stdout += `${text}\n`
  })
  vi.stubEnv('NO_COLOR', '1')
  vi.stubEnv('XDG_CONFIG_HOME', '/nonexistent')
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  process.exitCode = undefined
})

async function run(command: typeof Sample, ...argv: string[]) {
  let exit = 0
  try {
    await command.run(argv, config)
  } catch (error) {
    exit = (error as { oclif?: { exit: number } }).oclif?.exit ?? -1
  }
  const lines = stdout.split('\n').filter(Boolean)
  return { exit, stdout, stderr, lines, json: () => lines.map(line => JSON.parse(line)) }
}

describe('JSON', () => {
  it('JSON output is one envelope and nothing else', async () => {
    const { exit, json, stderr } = await run(Sample, '--json')
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(json().at(-1)).toEqual({
      schemaVersion: 1,
      success: true,
      data: { count: 1, kind: null, verbose: false, wei: '1180591620717411303424' },
      errors: [],
      warnings: ['careful'],
    })
  })

  it('JSON output streams events and ends with a result line', async () => {
    const { json } = await run(Streaming, '--json')
    expect(json()).toMatchObject([
      { type: 'round', rows: '5', time: expect.stringMatching(/^20.*Z$/) },
      { type: 'result', success: true, data: { count: 1 }, time: expect.stringMatching(/^20.*Z$/) },
    ])
  })

  it('JSON output has the findings of a negative verdict beside its error, with the same exit code as in text', async () => {
    const inJson = await run(Streaming, 'refused', '--json')
    expect(inJson.exit).toBe(4)
    expect(inJson.json().at(-1)).toMatchObject({
      type: 'result',
      success: false,
      data: { row: 7 },
      errors: [{ code: 'TEST_REFUSED' }],
    })
    stdout = ''
    const inText = await run(Streaming, 'refused')
    expect(inText.exit).toBe(4)
    expect(inText.stderr).toContain('Error [TEST_REFUSED] The bundle does not verify.')
  })

  it('JSON output can be asked for by KAISAR_JSON', async () => {
    vi.stubEnv('KAISAR_JSON', '1')
    expect((await run(Sample)).json().at(-1)).toMatchObject({ success: true })
  })
})

describe('text', () => {
  it('text output prints the result on stdout and the rest on stderr', async () => {
    const { exit, lines, stderr } = await run(Sample)
    expect({ exit, lines, stderr }).toEqual({ exit: 0, lines: ['some text', 'five rows'], stderr: 'Warning careful\n' })
  })

  it('text output has a sentence for a defect, and its stack only when asked for', async () => {
    const quiet = await run(Sample, 'broken')
    expect(quiet.exit).toBe(1)
    expect(quiet.stderr).toContain('[UNEXPECTED]')
    expect(quiet.stderr).not.toContain('at Sample')
    expect((await run(Sample, 'broken', '--log-level', 'debug')).stderr).toContain('at Sample.run')
  })
})

describe('settings from the environment', () => {
  it('settings from the environment are parsed like flags', async () => {
    for (const [name, value] of Object.entries({ COUNT: '5', KIND: 'b', VERBOSE: 'true' }))
      vi.stubEnv(`KAISAR_${name}`, value)
    expect((await run(Sample, '--json')).json().at(-1).data).toMatchObject({ count: 5, kind: 'b', verbose: true })
    stdout = ''
    expect((await run(Sample, '--count', '6', '--json')).json().at(-1).data).toMatchObject({ count: 6, kind: 'b' })
  })

  it('settings from the environment are split at commas where a flag may be given several times', async () => {
    vi.stubEnv('KAISAR_RPC_URL', 'http://a.example, http://b.example')
    expect((await run(Sample, 'chain', '--json')).json().at(-1).data.rpc).toEqual([
      'http://a.example',
      'http://b.example',
    ])
  })

  it.each([
    ['KAISAR_COUNT', 'many'],
    ['KAISAR_KIND', 'c'],
    ['KAISAR_VERBOSE', 'perhaps'],
  ])('the setting %s=%s is a usage error that names the variable', async (name, value) => {
    vi.stubEnv(name, value)
    const { exit, json } = await run(Sample, '--json')
    expect(exit).toBe(2)
    expect(json().at(-1).errors[0].message).toContain(name)
  })
})

it('an error that the parser of a flag throws keeps its code', async () => {
  const { exit, json } = await run(Sample, '--even', '3', '--json')
  expect({ exit, error: json().at(-1).errors[0] }).toMatchObject({
    exit: 2,
    error: { code: 'TEST_ODD', message: '--even: 3 is odd.' },
  })
})

it('a question is refused where nobody can answer, and --yes answers it', async () => {
  expect((await run(Sample, 'asking', '--json')).json().at(-1).errors[0]).toMatchObject({
    code: 'PROMPT_REFUSED',
    message: expect.stringContaining('--yes'),
  })
  expect((await run(Sample, 'asking', '--yes')).exit).toBe(0)
})

it('a command that needs a network says how to get one', async () => {
  vi.spyOn(config, 'dataDir', 'get').mockReturnValue('/nonexistent')
  const { exit, json } = await run(Sample, 'chain', '--json')
  expect(exit).toBe(3)
  expect(json().at(-1).errors[0]).toMatchObject({
    code: 'CONTEXT_MISSING',
    fix: expect.stringContaining('kaisar devnet up'),
  })
})

it.each([[[]], [['--json']]])('no key of an RPC URL is shown in events and errors (%o)', async mode => {
  const key = 'c0ffee'.repeat(6)
  await run(Streaming, 'leaks', '--rpc-url', `https://rpc.example/v3/${key}`, ...mode)
  expect(stdout + stderr).toContain('rpc.example')
  expect(stdout + stderr).toContain('TEST_ODD')
  expect(stdout + stderr).not.toContain(key)
})
