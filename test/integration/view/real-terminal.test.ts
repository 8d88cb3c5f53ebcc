import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../../helpers/eventually.ts'
import { hasTmux } from '../../helpers/terminal.ts'

const program = fileURLToPath(new URL('./show-dashboard.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'kaisar-tmux-'))
const tmux = (...args: string[]) => execFileSync('tmux', ['-S', join(folder, 'socket'), ...args], { encoding: 'utf8' })
const screen = () => tmux('capture-pane', '-p', '-t', 'kaisar')

/** A terminal of 80×24 that runs the dashboard in a shell, as a user would. */
function openTerminal() {
  const command = `echo before; CI= ${process.execPath} ${program}; echo "exit code $?"; exec cat`
  tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'kaisar', '-x', '80', '-y', '24', command)
}

afterAll(() => {
  if (hasTmux) tmux('kill-server')
  rmSync(folder, { recursive: true, force: true })
})

describe.skipIf(!hasTmux)('dashboard in a real terminal (needs tmux)', () => {
  it('fills 80×24 without scrolling, follows the chain, and leaves the screen as it was', async () => {
    openTerminal()
    await eventually(() => expect(screen()).toMatch(/block 1,2[3-9]\d/))
    const first = screen()
    expect(first.split('\n')[0]).toMatch(/^kaisar devnet .* q quit$/)
    expect(first).toContain('Epoch 3  WORK')
    expect(first).not.toContain('before')
    await eventually(() => expect(screen()).not.toBe(first))
    // A frame that scrolled would have lost its first line.
    expect(screen().split('\n')[0]).toMatch(/^kaisar devnet .* q quit$/)
    tmux('send-keys', '-t', 'kaisar', 'q')
    await eventually(() => expect(screen()).toMatch(/^before\ndashboard ended: quit\nexit code 0\n/))
    tmux('kill-session', '-t', 'kaisar')
  })

  it('ends on Ctrl-C with exit code 130, and follows a terminal that becomes small', async () => {
    openTerminal()
    await eventually(() => expect(screen()).toContain('Epoch 3'))
    tmux('resize-window', '-t', 'kaisar', '-x', '60', '-y', '12')
    await eventually(() => {
      const small = screen()
      expect(small).not.toContain('Verdicts')
      expect(small.split('\n')[0]).toMatch(/^kaisar devnet/)
    })
    tmux('send-keys', '-t', 'kaisar', 'C-c')
    await eventually(() => expect(screen()).toMatch(/^before\ndashboard ended: interrupted\nexit code 130\n/))
  })
})
