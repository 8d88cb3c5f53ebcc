import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { acceleratorsOf, type SystemdUnitOptions, systemdUnit } from '../../../src/core/operator/systemd-unit.ts'

const options: SystemdUnitOptions = {
  role: 'provider',
  node: process.execPath,
  entry: '/opt/kaisar/bin/run.js',
  settings: '/etc/kaisar/provider.toml',
  key: { passwordFile: '/etc/kaisar/provider-password' },
  accelerators: [],
}
const folder = mkdtempSync(join(tmpdir(), 'kaisar-unit-'))
afterAll(() => rmSync(folder, { recursive: true }))

const valuesOf = (unit: string, key: string) =>
  unit.split('\n').flatMap(line => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []))

describe('systemd unit', () => {
  it('starts the daemon with its own folder, and hands it the password as a credential', () => {
    const unit = systemdUnit(options)
    expect(valuesOf(unit, 'ExecStart')).toEqual([
      `${process.execPath} /opt/kaisar/bin/run.js provider run --config /etc/kaisar/provider.toml --data-dir %S/kaisar-provider`,
    ])
    expect(valuesOf(unit, 'LoadCredential')).toEqual(['kaisar-password:/etc/kaisar/provider-password'])
    // The drain of a first signal has to fit.
    expect(Number(valuesOf(unit, 'TimeoutStopSec')[0])).toBeGreaterThan(30)
  })

  it('with a signer gets its URL from a file that only systemd reads, and no password', () => {
    const unit = systemdUnit({ ...options, key: { signerFile: '/etc/kaisar/provider-signer' } })
    expect(valuesOf(unit, 'EnvironmentFile')).toEqual(['/etc/kaisar/provider-signer'])
    expect(valuesOf(unit, 'LoadCredential')).toEqual([])
    expect(valuesOf(systemdUnit(options), 'EnvironmentFile')).toEqual([])
  })

  it('opens the device nodes of the cards that are there, and no others', () => {
    expect(valuesOf(systemdUnit(options), 'PrivateDevices')).toEqual(['yes'])
    const nvidia = systemdUnit({ ...options, accelerators: ['nvidia'] })
    expect(valuesOf(nvidia, 'PrivateDevices')).toEqual([])
    expect(valuesOf(nvidia, 'DevicePolicy')).toEqual(['closed'])
    expect(valuesOf(nvidia, 'DeviceAllow').join()).not.toContain('kfd')
    expect(valuesOf(systemdUnit({ ...options, accelerators: ['amd'] }), 'DeviceAllow')).toContain('/dev/kfd rw')
  })

  it.each([
    [[], []],
    [['/dev/nvidiactl', '/dev/dri/renderD128'], ['nvidia']],
    [['/dev/kfd', '/dev/dri/renderD128'], ['amd']],
    [['/dev/dri/renderD128'], ['intel']],
    [
      ['/dev/nvidiactl', '/dev/kfd'],
      ['nvidia', 'amd'],
    ],
  ])('sees of %j the cards %j', (nodes, expected) => {
    expect(acceleratorsOf(path => nodes.includes(path))).toEqual(expected)
  })

  it('lets a program in a home folder be read', () => {
    expect(valuesOf(systemdUnit(options), 'ProtectHome')).toEqual(['yes'])
    expect(valuesOf(systemdUnit({ ...options, entry: '/home/me/kaisar/bin/run.js' }), 'ProtectHome')).toEqual([
      'read-only',
    ])
  })

  it('quotes what systemd would split or expand', () => {
    const [start] = valuesOf(systemdUnit({ ...options, settings: '/srv/100% mine/$x.toml' }), 'ExecStart')
    expect(start).toContain('"/srv/100%% mine/$$x.toml"')
  })

  const hasSystemd = (() => {
    try {
      execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })()
  const analyze = (...args: string[]) => {
    try {
      return { ok: true, output: execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: 'pipe' }) }
    } catch (error) {
      return { ok: false, output: String((error as { stderr: string }).stderr) }
    }
  }
  it.skipIf(!hasSystemd).each([
    ['provider', []],
    ['provider', ['nvidia', 'amd']],
    ['checker', []],
  ] as const)('of a %s with %j verifies (skipped without systemd-analyze)', (role, accelerators) => {
    const file = join(folder, `kaisar-${role}-${accelerators.length}.service`)
    // The entry is an argument here: only the program itself has to be there.
    writeFileSync(file, systemdUnit({ ...options, role, accelerators, settings: '/srv/100% mine/$x.toml' }))
    expect(analyze('verify', file)).toEqual({ ok: true, output: '' })
    // 0 is safest, 10 is a service without any protection.
    expect(analyze('security', '--offline=true', '--threshold=25', file)).toMatchObject({ ok: true })
    writeFileSync(file, 'nonsense')
  })
})
