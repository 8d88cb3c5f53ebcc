/**
 * Makes docs/pictures/devnet-up.svg: `npx node scripts/pictures/terminal.ts` types the README's command into a real terminal
 * (tmux), waits until the network has ended, and draws what is on the screen then.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Line, Tone } from '../../src/core/view/line.ts'
import { terminalSvg } from './terminal-svg.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const columns = 80
const escapeCharacter = '\u001b'
const command = 'npx kaisar devnet up --epochs 2'

/** By SGR code. */
const tones: Record<number, Tone> = {
  0: 'plain',
  1: 'strong',
  2: 'dim',
  22: 'plain',
  31: 'bad',
  32: 'good',
  33: 'warn',
  34: 'accent',
  36: 'accent',
  39: 'plain',
  90: 'dim',
}

const home = mkdtempSync(join(tmpdir(), 'kaisar-picture-'))
const tmux = (...args: string[]) => execFileSync('tmux', ['-S', join(home, 'socket'), ...args], { encoding: 'utf8' })
const screen = (...flags: string[]) => tmux('capture-pane', '-p', ...flags, '-S', '-', '-t', 'kaisar').trimEnd()
const prompts = () =>
  screen()
    .split('\n')
    .filter(line => line.startsWith('$')).length

try {
  // A home of its own: the picture shows nothing of whoever makes it.
  const env = `PATH='${process.env.PATH}' TERM=tmux-256color LANG=C.UTF-8 HOME='${home}' PS1='$ '`
  const shell = `cd '${root}' && exec env -i ${env} bash --norc --noprofile`
  tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'kaisar', '-x', String(columns), '-y', '40', shell)
  while (prompts() < 1) await sleep(100)
  tmux('send-keys', '-t', 'kaisar', command, 'Enter')
  while (prompts() < 2) await sleep(500)
  const lines = screen('-e').split('\n').slice(0, -1).map(parseLine)
  if (!lines.some(line => line.some(({ text }) => text.includes('capacity'))))
    throw new Error(`the devnet did not end well:\n${screen()}`)
  mkdirSync(join(root, 'docs/pictures'), { recursive: true })
  const title = 'kaisar devnet up: two epochs worked, judged and paid'
  writeFileSync(join(root, 'docs/pictures/devnet-up.svg'), terminalSvg(lines, { columns, rows: lines.length, title }))
} finally {
  tmux('kill-server')
  rmSync(home, { recursive: true, force: true, maxRetries: 5 })
}

/** Text with the colours that a terminal was told: SGR sequences as tmux prints them. */
function parseLine(text: string): Line {
  let tone: Tone = 'plain'
  return text.split(escapeCharacter).flatMap((part, index) => {
    const [, codes, rest] = index === 0 ? [null, '', part] : /^\[([\d;]*)m(.*)$/.exec(part)!
    for (const code of codes!.split(';')) tone = tones[Number(code)] ?? tone
    return rest === '' ? [] : [{ text: rest!, tone }]
  })
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
