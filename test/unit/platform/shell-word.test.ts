import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { shellWord } from '../../../src/core/platform/shell-word.ts'

it('a shell takes a word as it is, and a plain one has no quotes', () => {
  const words = ['/etc/kaisar/provider.toml', 'me@x:1', 'a b', "it's", '$HOME', '', '`id`', 'a\nb', '*', '--a=b;c']
  const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`], { encoding: 'utf8' })
  expect(printed.split('\0').slice(0, -1)).toEqual(words)
  expect(words.slice(0, 2).map(shellWord)).toEqual(words.slice(0, 2))
})
