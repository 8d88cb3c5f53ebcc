/** The rules that linters of Dockerfiles agree on, and that what an image starts is a command there is. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))

type Instruction = { readonly name: string; readonly rest: string }

function parseDockerfile(text: string): Instruction[] {
  const lines = text.split('\n').filter(line => !/^\s*#/.test(line))
  const joined = lines.join('\n').replaceAll(/\\\n\s*/g, ' ')
  return joined
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => {
      const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line)!
      return { name: name!, rest: rest! }
    })
}

const known = [
  'FROM',
  'ARG',
  'ENV',
  'RUN',
  'COPY',
  'WORKDIR',
  'USER',
  'VOLUME',
  'EXPOSE',
  'LABEL',
  'STOPSIGNAL',
  'HEALTHCHECK',
  'ENTRYPOINT',
  'CMD',
]

describe.each(['provider', 'checker'])('Dockerfile.%s', role => {
  const file = `packaging/docker/Dockerfile.${role}`
  const instructions = parseDockerfile(readFileSync(root + file, 'utf8'))
  const all = (name: string) => instructions.filter(each => each.name === name).map(({ rest }) => rest)
  const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'))
  const one = (name: string) => {
    const found = lastStage.filter(each => each.name === name).map(({ rest }) => rest)
    expect(found, name).toHaveLength(1)
    return found[0]!
  }

  it('has only instructions that there are, in upper case', () => {
    for (const { name } of instructions) expect(known).toContain(name)
  })

  it('starts from exact versions, the Node that the project pins', () => {
    const { devDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
    for (const from of all('FROM'))
      expect(from).toMatch(new RegExp(`^node:${devDependencies.node}-[a-z-]+( AS \\w+)?$`))
  })

  it('installs from the lock, downloads nothing besides, and leaves no cache', () => {
    expect(all('RUN').join('\n')).toMatch(/npm ci\b/)
    expect(all('RUN').join('\n')).not.toMatch(/\b(curl|wget|apt-get|sudo)\b|\bADD\b/)
    expect(
      lastStage
        .filter(({ name }) => name === 'RUN')
        .map(({ rest }) => rest)
        .join(),
    ).toContain('npm cache clean')
    for (const stage of instructions.filter(({ name }) => name === 'ENV').map(({ rest }) => rest))
      expect(stage).toContain('ONNXRUNTIME_NODE_INSTALL=skip')
  })

  it('runs as a user, in an absolute folder that is a volume, without a secret', () => {
    expect(one('USER')).toBe('node')
    expect(one('WORKDIR')).toMatch(/^\//)
    expect(JSON.parse(one('VOLUME'))).toEqual(['/var/lib/kaisar'])
    expect(all('ENV').join()).not.toMatch(/PASSWORD|SECRET|TOKEN|PRIVATE/i)
    const at = (name: string) => lastStage.findIndex(each => each.name === name)
    expect(at('USER')).toBeGreaterThan(lastStage.findLastIndex(({ name }) => name === 'RUN'))
  })

  it('starts the daemon itself, so that signals reach it, and asks it for its health', () => {
    const entry = JSON.parse(one('ENTRYPOINT')) as string[]
    expect(entry.slice(0, 3)).toEqual(['kaisar', role, 'run'])
    const port = entry[entry.indexOf('--metrics-port') + 1]!
    expect(one('HEALTHCHECK')).toContain(`127.0.0.1:${port}/health`)
    expect(one('EXPOSE').split(' ')).toContain(port)
    expect(one('STOPSIGNAL')).toBe('SIGTERM')
    const command = readFileSync(`${root}src/commands/${role}/run.ts`, 'utf8')
    const shared = ['observe-daemon', 'daemon-flags']
      .map(name => readFileSync(`${root}src/commands/${name}.ts`, 'utf8'))
      .join()
    for (const flag of entry.filter(word => word.startsWith('--')).map(word => word.slice(2)))
      expect(command + shared, flag).toMatch(new RegExp(`['"]?${flag}['"]?: (Flags\\.|addressFlag)`))
  })

  it('keeps what is built here out of the build', () => {
    expect(existsSync(`${root}${file}.dockerignore`)).toBe(true)
    for (const name of ['node_modules', '.git', 'dist'])
      expect(readFileSync(`${root}${file}.dockerignore`, 'utf8').split('\n')).toContain(name)
  })
})
