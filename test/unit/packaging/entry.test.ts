/** The entry is read by every Node that somebody may have, so that it can say which one is needed. */
import { readFileSync } from 'node:fs'
import { Script } from 'node:vm'
import { transformSync } from 'rolldown/utils'
import { expect, it } from 'vitest'

const source = readFileSync(new URL('../../../bin/run.js', import.meta.url), 'utf8').replace(/^#!.*/, '')
/** As it would be rewritten for engines that know no more than this of the language. */
const rewritten = (target: string, text: string) => transformSync('run.js', text, { target }).code

it('has nothing that the JavaScript of 2018 has not, but modules', () => {
  expect(rewritten('es2018', 'a ??= b?.c')).not.toBe(rewritten('esnext', 'a ??= b?.c'))
  expect(rewritten('es2018', source)).toBe(rewritten('esnext', source))
})

it('awaits in functions alone, as a script has to', () => {
  const asScript = (text: string) => new Script(text.replaceAll(/^import .*/gm, '').replaceAll('import.meta', 'meta'))
  expect(() => asScript('await start()')).toThrow(SyntaxError)
  asScript(source)
})
