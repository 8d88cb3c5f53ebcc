import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { runTool } from '../../../src/core/devices/host.ts'

const shell = (script: string, limits = {}) => runTool('sh', ['-c', script], limits)

describe('runTool', () => {
  it('keeps text and exit code together, whichever way they disagree', async () => {
    expect(await shell('echo out; echo err >&2; exit 18')).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 18,
      failure: null,
      invalidUtf8: false,
    })
  })

  it('names a missing tool and one that may not run', async () => {
    expect((await runTool('kaisar-no-such-tool', [])).failure).toBe('missing')
    expect((await runTool('/etc/passwd', [])).failure).toBe('not-executable')
  })

  it('stops a hanging tool together with what it started', async () => {
    const marker = `31.${process.pid}`
    expect((await shell(`sleep ${marker} & sleep ${marker}`, { timeoutMs: 200 })).failure).toBe('timeout')
    const left = execFileSync('ps', ['-eo', 'stat,args'], { encoding: 'utf8' }).split('\n')
    expect(left.filter(line => line.includes(`sleep ${marker}`) && !line.startsWith('Z'))).toEqual([])
  })

  it('bounds the output', async () => {
    const output = await shell('head -c 100000000 /dev/zero | tr "\\0" "x"', { maxBytes: 10_000 })
    expect(output.failure).toBe('too-large')
    expect(output.stdout.length).toBeLessThanOrEqual(10_000)
  })

  it('replaces bytes that are not UTF-8 and says so', async () => {
    const output = await shell("printf 'a\\377b'")
    expect(output).toMatchObject({ stdout: 'a\ufffdb', invalidUtf8: true, exitCode: 0 })
  })

  it('reports a tool that a signal ended', async () => {
    expect(await shell('kill -SEGV $$')).toMatchObject({ exitCode: null, failure: 'killed' })
  })
})
