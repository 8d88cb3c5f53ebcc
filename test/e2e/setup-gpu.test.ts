/** `provider setup-gpu --install` as somebody at a terminal uses it, on a machine that seems to have a card of AMD and nothing for it. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { cliPath, isolatedHome } from '../helpers/run-cli.ts'
import { hasTerminal, runOnTerminal } from '../helpers/terminal.ts'

const home = isolatedHome()
const shims = join(home.path, 'bin')
const log = join(home.path, 'ran')
mkdirSync(shims)
afterAll(() => rmSync(home.path, { recursive: true, force: true }))

// What would change the machine only writes down that it was started, unless it was asked for its version; the loader of libraries knows none.
const shim = (name: string, script: string) => {
  writeFileSync(join(shims, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(shims, name), 0o755)
}
for (const name of ['sudo', 'npm']) shim(name, `[ "$1" = --version ] || echo "${name} $*" >> '${log}'`)
shim('ldconfig', '')
for (const name of ['docker', 'podman', 'nvidia-smi', 'amd-smi', 'rocm-smi']) shim(name, 'exit 127')

/** In a mount namespace of its own: one card on the bus, Debian, no driver of Vulkan. */
const release = join(home.path, 'os-release')
writeFileSync(release, 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n')
const bus = '/sys/bus/pci/devices'
const card = `${bus}/0000:41:00.0`
const machine = [
  `mount -t tmpfs tmpfs ${bus}`,
  `mkdir ${card}`,
  ...Object.entries({ class: '0x030200', vendor: '0x1002', device: '0x74a1' }).map(
    ([file, text]) => `echo ${text} > ${card}/${file}`,
  ),
  `mount --bind ${release} "$(readlink -f /etc/os-release)"`,
  'for folder in /etc/vulkan/icd.d /usr/local/share/vulkan/icd.d /usr/share/vulkan/icd.d; do [ ! -d $folder ] || mount -t tmpfs tmpfs $folder; done',
].join(' && ')
const within = ['unshare', '-rm', 'sh', '-c', `${machine} && exec "$0" "$@"`]
const canPretend = spawnSync(within[0]!, [...within.slice(1), 'true']).status === 0

const env = { ...home.env, PATH: `${shims}${delimiter}${process.env.PATH}` }
const words = ['provider', 'setup-gpu', '--install']
const loader = 'sudo apt-get update && sudo apt-get install -y libvulkan1'
const driver = 'sudo apt-get update && sudo apt-get install -y mesa-vulkan-drivers'
const ran = () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [])
/** The question about a command, once its answers are there to choose from. */
const question = (part: string) => new RegExp(`◆[^◆■◇]*${part}[^◆■◇]*No`)

beforeEach(() => rmSync(log, { force: true }))

describe.runIf(hasTerminal && canPretend)('on a terminal (needs script and user namespaces)', () => {
  it('asks before each command, runs what got a yes, and leaves what got a no', async () => {
    const { exitCode, screen } = await runOnTerminal(words, {
      env,
      within,
      answers: [
        { at: question('libvulkan1'), type: 'y' },
        { at: question('mesa-vulkan-drivers'), type: 'n' },
        { at: question('webgpu'), type: 'n' },
      ],
    })
    expect(ran(), screen).toEqual(['sudo apt-get update', 'sudo apt-get install -y libvulkan1'])
    expect(screen).toMatch(/cards: 1 of amd/)
    expect(screen).toContain(`done   ${loader}`)
    expect(screen).toContain(`left   ${driver}`)
    // There is a card, and still nothing computes with it.
    expect(screen).toContain('[GPU_SETUP_INCOMPLETE]')
    expect(exitCode).toBe(3)
  })

  it('takes Ctrl-C for the end, not for a no to one command', async () => {
    const { exitCode, screen } = await runOnTerminal(words, { env, within, interruptAt: question('libvulkan1') })
    expect(exitCode, screen).toBe(130)
    expect(screen).not.toMatch(question('mesa-vulkan-drivers'))
    expect(ran()).toEqual([])
  })

  it('only shows what it would run where nobody can answer', () => {
    const [command, ...args] = [...within, process.execPath, cliPath, ...words, '--json']
    const { stdout, status } = spawnSync(command!, args, { encoding: 'utf8', env: { ...process.env, ...env } })
    const { data, errors } = JSON.parse(stdout) as {
      data: { steps: { command: string; outcome: string }[] }
      errors: { code: string }[]
    }
    expect({ status, codes: errors.map(({ code }) => code) }).toEqual({ status: 3, codes: ['GPU_SETUP_INCOMPLETE'] })
    expect(data.steps.map(each => each.command)).toEqual(expect.arrayContaining([loader, driver]))
    expect(new Set(data.steps.map(({ outcome }) => outcome))).toEqual(new Set(['left']))
    expect(ran()).toEqual([])
  })

  it('runs all of them unasked with --yes', async () => {
    const { exitCode, screen } = await runOnTerminal([...words, '--yes'], { env, within })
    expect(exitCode, screen).toBe(3)
    expect(screen).not.toContain('◆')
    expect(ran()).toEqual(
      expect.arrayContaining(['sudo apt-get install -y libvulkan1', 'sudo apt-get install -y mesa-vulkan-drivers']),
    )
  })
})
