/** The direction of dependencies and the habits that keep the tree readable, held by a test instead of by memory. */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const projectRoot = fileURLToPath(new URL('../../', import.meta.url))
const source = join(projectRoot, 'src/')

/** What each folder of the core may import besides itself, `protocol` and `platform`. */
const allowed: Readonly<Record<string, readonly string[] | 'everything'>> = {
  platform: [],
  protocol: ['platform'],
  devices: [],
  attestation: ['devices'],
  job: [],
  report: ['job'],
  transport: [],
  chain: [],
  epoch: ['chain'],
  daemon: ['chain', 'epoch', 'report', 'transport'],
  provider: ['devices', 'attestation', 'job', 'report', 'transport', 'chain', 'epoch', 'daemon'],
  checker: ['devices', 'attestation', 'job', 'report', 'transport', 'chain', 'epoch', 'daemon'],
  network: ['chain', 'epoch'],
  view: ['network', 'provider', 'checker'],
  explain: ['epoch', 'network', 'view'],
  web: ['epoch', 'network', 'explain', 'view'],
  operator: [
    'devices',
    'attestation',
    'job',
    'report',
    'transport',
    'chain',
    'epoch',
    'network',
    'view',
    'daemon',
    'provider',
    'checker',
  ],
  fleet: ['daemon', 'report', 'chain', 'network', 'view', 'operator', 'transport'],
  update: [],
  devnet: 'everything',
}

type SourceFile = { readonly path: string; readonly text: string; readonly imports: readonly string[] }

const files: SourceFile[] = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map(entry => {
    const path = join(entry.parentPath, entry.name)
    const text = readFileSync(path, 'utf8')
    return { path: relative(source, path), text, imports: importsOf(text) }
  })
const core = files.filter(({ path }) => path.startsWith('core/'))

/** Specifiers of static, dynamic, re-exported and side-effect imports, and of workers. */
function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const pattern = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+|\bnew URL\(\s*)['"]([^'"]+)['"]/g
  return [...code.matchAll(pattern)].map(match => match[1]!)
}

/** The path below src of a relative import, undefined for a package. */
const targetOf = (file: SourceFile, specifier: string) =>
  specifier.startsWith('.') ? join(dirname(file.path), specifier) : undefined

const folderOf = (path: string) => path.split('/')[1]!

const violations = (from: readonly SourceFile[], isViolation: (file: SourceFile) => string | false | undefined) =>
  from.flatMap(file => {
    const why = isViolation(file)
    return why ? [`${file.path}: ${why}`] : []
  })

it('the architecture test reads all sources', () => {
  expect(files.length).toBeGreaterThan(30)
  expect(
    importsOf("import a from './a.ts'\nimport './b.ts'\nexport { c } from './c.ts'\nawait import('./d.ts')"),
  ).toEqual(['./a.ts', './b.ts', './c.ts', './d.ts'])
})

describe('direction of dependencies', () => {
  it('the rules of imports name every folder of the core', () => {
    const unknown = core.filter(({ path }) => !(folderOf(path) in allowed)).map(({ path }) => path)
    expect(unknown).toEqual([])
  })

  it('each folder imports only what its rule allows', () => {
    const found = violations(core, file => {
      const may = allowed[folderOf(file.path)]
      if (may === undefined || may === 'everything') return
      const own = folderOf(file.path)
      const common = own === 'protocol' || own === 'platform' ? [] : ['protocol', 'platform']
      const forbidden = file.imports
        .map(specifier => targetOf(file, specifier))
        .filter(target => target?.startsWith('core/'))
        .map(target => folderOf(target!))
        .filter(folder => folder !== own && !common.includes(folder) && !may.includes(folder))
      return forbidden.length > 0 && `imports ${[...new Set(forbidden)].join(', ')}`
    })
    expect(found).toEqual([])
  })

  it('no file of the core imports commands, oclif or prompts', () => {
    const found = violations(core, file =>
      file.imports.find(
        specifier =>
          specifier.startsWith('@oclif/') ||
          specifier.startsWith('@clack/') ||
          targetOf(file, specifier)?.startsWith('commands/'),
      ),
    )
    expect(found).toEqual([])
  })

  it('only view imports ink and react', () => {
    const found = violations(files, file =>
      file.path.startsWith('core/view/') ? false : file.imports.find(specifier => /^(ink|react)(\/|$)/.test(specifier)),
    )
    expect(found).toEqual([])
  })
})

it('no code loads a model that this program did not build', () => {
  const loading = files.filter(({ text }) => text.includes('InferenceSession.create')).map(({ path }) => path)
  expect(loading).toEqual(['core/devices/execution-provider-check.ts', 'core/job/execution-provider.ts'])
  const opening = core.filter(({ text }) => /\bopenSession\(/.test(text)).map(({ path }) => path)
  expect(opening.sort()).toEqual([
    'core/job/execution-provider.ts',
    'core/job/memory/row-chain.ts',
    'core/job/tensor/kernel.ts',
  ])
})

describe('habits', () => {
  it('no file of the core uses the console', () => {
    expect(violations(core, file => /\bconsole\.\w+\(/.test(file.text) && 'uses console')).toEqual([])
  })

  it('no test puts another module in the place of one, which files of a worker share', () => {
    const tests = globSync('test/**/*.test.{ts,tsx}', { cwd: projectRoot })
    expect(tests.length).toBeGreaterThan(100)
    const replacing = /\bvi\.(mock|doMock|hoisted)\(/
    expect(tests.filter(path => replacing.test(readFileSync(join(projectRoot, path), 'utf8')))).toEqual([])
  })

  it('no test is tried again', () => {
    const textOf = (path: string) => readFileSync(join(projectRoot, path), 'utf8')
    const trying = /\bretry\s*:|-{2}retry\b/
    expect(textOf('test/setup/fixture/retried.fixture.ts')).toMatch(trying)
    const asking = ['test/**/*.test.{ts,tsx}', 'scripts/*.mjs', 'vitest.config.ts', 'package.json']
    expect(globSync(asking, { cwd: projectRoot }).filter(path => trying.test(textOf(path)))).toEqual([])
  })

  it('child processes are started through execa', () => {
    expect(
      violations(files, file => file.imports.find(specifier => /^(node:)?child_process$/.test(specifier))),
    ).toEqual([])
  })

  it('no file of the core has a default export', () => {
    expect(violations(core, file => /^export default\b|\bas default\b/m.test(file.text) && 'default export')).toEqual(
      [],
    )
  })

  it('no file is a barrel, and no name is vague', () => {
    const vague = /^(index|utils?|helpers?|common|managers?|misc|shared)\.|-(utils?|helpers?|manager)\./
    expect(violations(core, file => vague.test(basename(file.path)) && 'vague name')).toEqual([])
    const vagueFolder = /\/(utils?|helpers?|common|shared|misc)\//
    expect(violations(core, file => vagueFolder.test(file.path) && 'vague folder')).toEqual([])
    expect(violations(core, file => /^export \* from/m.test(file.text) && 'barrel')).toEqual([])
  })

  it('no file that composes a daemon has more than 20 imports', () => {
    const composing = core.filter(({ path }) => /^core\/(provider|checker|devnet)\/(run|start)-/.test(path))
    expect(composing.length).toBeGreaterThanOrEqual(5)
    expect(violations(composing, file => file.imports.length > 20 && `${file.imports.length} imports`)).toEqual([])
  })

  it('every file name is in kebab-case', () => {
    expect(violations(files, file => !/^[a-z0-9]+(-[a-z0-9]+)*\.tsx?$/.test(basename(file.path)) && 'name')).toEqual([])
  })

  it('no file has more than 400 lines, except generated ones', () => {
    const found = violations(files, file => {
      const lines = file.text.split('\n').length - 1
      return !file.path.startsWith('core/chain/abi/') && lines > 400 && `${lines} lines`
    })
    expect(found).toEqual([])
  })

  it('every relative import names its file with the extension', () => {
    const found = violations(files, file =>
      file.imports.find(
        specifier =>
          specifier.startsWith('.') && !/\.(tsx?|js|json|css|html|mjs|\/)$/.test(specifier) && !specifier.endsWith('/'),
      ),
    )
    expect(found).toEqual([])
  })
})
