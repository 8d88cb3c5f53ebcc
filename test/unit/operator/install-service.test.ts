/** What is asked of a host, what systemctl is told, and what stays where something is in the way; the command is in operator-setup. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { lockDataDir } from '../../../src/core/daemon/data-dir-lock.ts'
import type { RunTool } from '../../../src/core/devices/host.ts'
import {
  assertServiceHost,
  installService,
  type ServiceContent,
  type ServiceHost,
  servicePaths,
  uninstallService,
} from '../../../src/core/operator/install-service.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-service-'))
afterAll(() => rmSync(folder, { recursive: true }))

const host: ServiceHost = {
  systemd: true,
  uid: 0,
  program: ['/opt/node', '/opt/kaisar/bin/run.js'],
  modeOf: () => 0o40755,
  daemonLine: 'node run.js provider run',
  rootLine: 'sudo node run.js provider service --install',
}
const refusal = (different: Partial<ServiceHost>) => {
  try {
    assertServiceHost({ ...host, ...different })
  } catch (error) {
    return error as { code: string; message: string; fix: string }
  }
  return null
}

describe('the host of a service', () => {
  it('is one with systemd, where root asks, and where the program can be reached', () => {
    expect(refusal({})).toBeNull()
  })

  it('without systemd is told what another supervisor starts, root or not', () => {
    const refused = refusal({ systemd: false, uid: 1000 })
    expect(refused).toMatchObject({ code: 'SERVICE_NO_SYSTEMD', message: expect.stringContaining(host.daemonLine) })
  })

  it('needs root, and says the line', () => {
    expect(refusal({ uid: 1000 })).toMatchObject({
      code: 'SERVICE_NEEDS_ROOT',
      fix: expect.stringContaining(host.rootLine),
    })
  })

  it('names the first folder that shuts the service out', () => {
    const modeOf = (path: string) => (path === '/home/me' || path === '/home/me/kaisar' ? 0o40700 : 0o40755)
    expect(refusal({ program: ['/opt/node', '/home/me/kaisar/bin/run.js'], modeOf })).toMatchObject({
      code: 'SERVICE_PROGRAM_CLOSED',
      message: expect.stringMatching(/enter \/home\/me\.$/),
    })
  })
})

/** Paths of a service below a folder of its own, as if that were this machine. */
function machine() {
  const root = mkdtempSync(join(folder, 'machine-'))
  const paths = Object.fromEntries(
    Object.entries(servicePaths('provider')).map(([name, path]) => [name, path.startsWith('/') ? root + path : path]),
  ) as ReturnType<typeof servicePaths>
  return { target: { paths, root: null }, paths }
}
const content: ServiceContent = {
  unit: '[Unit]\n',
  settings: '[provider]\ncontext = "mainnet"\n',
  password: 'correct horse\n',
  key: '{}',
  signerUrl: null,
  context: { name: 'mainnet', text: '{}' },
  state: null,
}
const systemctl = (exitCode: number, stderr = '') => {
  const told: string[] = []
  const run: RunTool = async (command, args) => {
    told.push([command, ...args].join(' '))
    return { stdout: '', stderr, exitCode, failure: null }
  }
  return { told, run }
}

describe('on a machine', () => {
  it('reloads systemd and starts the service; takes it away again and leaves key, settings and network', async () => {
    const { target, paths } = machine()
    const { told, run } = systemctl(0)
    await installService(target, content, { run })
    expect(told).toEqual(['systemctl daemon-reload', 'systemctl enable --now kaisar-provider.service'])
    const { removed, kept } = await uninstallService(target, { run })
    expect({ removed, kept }).toEqual({
      removed: true,
      kept: [paths.folder, paths.settings, paths.passwordFile, join(paths.contextHome, 'contexts')],
    })
    expect(told.slice(2)).toEqual(['systemctl disable --now kaisar-provider.service', 'systemctl daemon-reload'])
    expect(existsSync(paths.unit)).toBe(false)
    expect(readFileSync(paths.key, 'utf8')).toBe('{}')
    // There is nothing to stop a second time.
    expect(await uninstallService(target, { run })).toMatchObject({ removed: false })
    expect(told).toHaveLength(4)
  })

  it('says what systemctl said', async () => {
    const { run } = systemctl(1, 'Failed to enable unit: it is masked.\n')
    await expect(installService(machine().target, content, { run })).rejects.toMatchObject({
      code: 'SERVICE_SYSTEMCTL_FAILED',
      message: expect.stringContaining('it is masked.'),
    })
  })

  it('gives every file the rights it needs, whatever the mask', async () => {
    const { target, paths } = machine()
    const before = process.umask(0o077)
    try {
      await installService(target, content, systemctl(0))
    } finally {
      process.umask(before)
    }
    const modes = [paths.settings, paths.contextHome, paths.unit, paths.passwordFile, paths.key, paths.folder]
    expect(modes.map(path => statSync(path).mode & 0o777)).toEqual([0o644, 0o755, 0o644, 0o600, 0o600, 0o700])
  })

  it('writes the URL of a signer where only root reads it, as systemd reads it', async () => {
    const { target, paths } = machine()
    const url = 'https://me:pass%20"w$rd@signer.example/\nX=1'
    await installService(target, { ...content, password: null, key: null, signerUrl: url }, systemctl(0))
    expect(statSync(paths.signerFile).mode & 0o777).toBe(0o600)
    expect(readFileSync(paths.signerFile, 'utf8')).toBe(
      'KAISAR_SIGNER_URL="https://me:pass%20%22w\\$rd@signer.example/X=1"\n',
    )
    expect([existsSync(paths.key), existsSync(paths.passwordFile)]).toEqual([false, false])
    // A later run without it keeps it.
    await installService(target, { ...content, password: null, key: null }, systemctl(0))
    expect(existsSync(paths.signerFile)).toBe(true)
  })

  it('moves the state, so that no older copy of what was signed remains, and never over another one', async () => {
    const { target, paths } = machine()
    const state = mkdtempSync(join(folder, 'state-'))
    const fill = () => {
      mkdirSync(state, { recursive: true })
      writeFileSync(join(state, 'state-1.db'), 'signed')
    }
    fill()
    expect(await installService(target, { ...content, state }, systemctl(0))).toMatchObject({ moved: state })
    expect(existsSync(state)).toBe(false)
    const moved = join(paths.folder, 'provider', 'state-1.db')
    expect(readFileSync(moved, 'utf8')).toBe('signed')
    writeFileSync(moved, 'signed since')
    fill()
    expect(await installService(target, { ...content, state }, systemctl(0))).toMatchObject({ moved: null })
    expect(readFileSync(moved, 'utf8')).toBe('signed since')
  })

  it('refuses while a daemon runs with that state, before anything is written', async () => {
    const { target, paths } = machine()
    const state = mkdtempSync(join(folder, 'running-'))
    const lock = lockDataDir({ path: state, owner: 'kaisar provider run' })
    writeFileSync(join(state, 'state-1.db'), 'signed')
    try {
      await expect(installService(target, { ...content, state }, systemctl(0))).rejects.toMatchObject({
        code: 'DATA_DIR_LOCKED',
      })
    } finally {
      lock.release()
    }
    expect(existsSync(paths.contextHome)).toBe(false)
    expect(existsSync(join(state, 'state-1.db'))).toBe(true)
  })

  it('names what cannot be written', async () => {
    const { target, paths } = machine()
    writeFileSync(join(paths.contextHome, '..', '..', 'etc'), '')
    await expect(installService(target, content, systemctl(0))).rejects.toMatchObject({
      code: 'SERVICE_UNWRITABLE',
      message: expect.stringMatching(/\/etc.* cannot be written \((ENOTDIR|EEXIST|ENOENT)\)/),
    })
  })
})
