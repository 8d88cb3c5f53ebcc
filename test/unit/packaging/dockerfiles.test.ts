/** The rules that linters of Dockerfiles agree on, and that what an image starts is a command there is. */
import { spawnSync } from 'node:child_process'
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

type Image = { readonly role: 'provider' | 'checker'; readonly target: string | null }
const images: readonly Image[] = [
  { role: 'checker', target: null },
  { role: 'provider', target: 'cuda' },
  { role: 'provider', target: 'vulkan' },
  { role: 'provider', target: 'cpu' },
]

/** From each FROM to the next. */
function stagesOf(instructions: readonly Instruction[]): Instruction[][] {
  const starts = instructions.flatMap(({ name }, at) => (name === 'FROM' ? [at] : []))
  return starts.map((start, at) => instructions.slice(start, starts[at + 1]))
}

describe.each(images)('Dockerfile.$role, target $target', ({ role, target }) => {
  const file = `packaging/docker/Dockerfile.${role}`
  const instructions = parseDockerfile(readFileSync(root + file, 'utf8'))
  const all = (name: string) => instructions.filter(each => each.name === name).map(({ rest }) => rest)
  const stages = stagesOf(instructions)
  const lastStage = target === null ? stages.at(-1)! : stages.find(([from]) => from!.rest.endsWith(` AS ${target}`))!
  const one = (name: string) => {
    const found = lastStage.filter(each => each.name === name).map(({ rest }) => rest)
    expect(found, name).toHaveLength(1)
    return found[0]!
  }

  it('the Dockerfile has only known instructions, in upper case', () => {
    for (const { name } of instructions) expect(known).toContain(name)
  })

  it('the Dockerfile starts from exact versions, and from the Node that the project pins', () => {
    const { devDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
    const stageNames = stages.map(([from]) => / AS (\S+)$/.exec(from!.rest)?.[1])
    for (const from of all('FROM')) {
      const image = from.split(' ')[0]!
      if (stageNames.includes(image)) continue
      expect(from).toMatch(
        new RegExp(
          `^(node:${devDependencies.node}-[a-z]+-slim|nvidia/cuda:12\\.\\d+\\.\\d+-cudnn-runtime-[a-z0-9.]+)( AS [a-z-]+)?$`,
        ),
      )
    }
  })

  it('the Dockerfile installs from the lock, downloads nothing unseen, and leaves no cache', () => {
    const runs = all('RUN').join('\n')
    expect(runs).toMatch(/npm ci\b/)
    expect(runs).toContain('npm cache clean')
    expect(runs).not.toMatch(/\b(curl|wget|sudo)\b|\bADD\b/)
    for (const run of all('RUN').filter(each => each.includes('apt-get')))
      expect(run).toMatch(/--no-install-recommends .*rm -rf \/var\/lib\/apt\/lists/)
    expect(stages[0]!.filter(({ name }) => name === 'ENV').map(({ rest }) => rest)).toEqual([
      'ONNXRUNTIME_NODE_INSTALL=skip',
    ])
  })

  it('the Dockerfile copies only from stages that it has', () => {
    for (const [, from] of all('COPY')
      .join('\n')
      .matchAll(/--from=(\S+)/g))
      expect(stages.map(([first]) => first!.rest.split(' AS ')[1])).toContain(from)
  })

  it('the image runs as a user, in an absolute folder that is a volume, without a secret', () => {
    expect(one('USER')).toMatch(/^[1-9]\d+:[1-9]\d+$/)
    // Settings are below HOME: outside of the volume they would be gone with the container.
    expect(all('ENV').join('\n')).toMatch(/\bHOME=\/var\/lib\/kaisar\b/)
    expect(one('WORKDIR')).toMatch(/^\//)
    expect(JSON.parse(one('VOLUME'))).toEqual(['/var/lib/kaisar'])
    expect(all('ENV').join()).not.toMatch(/PASSWORD|SECRET|TOKEN|PRIVATE/)
    const at = (name: string) => lastStage.findIndex(each => each.name === name)
    expect(at('USER')).toBeGreaterThan(lastStage.findLastIndex(({ name }) => name === 'RUN'))
  })

  it('the image starts the daemon itself, so that signals reach it, and asks it for its health', () => {
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

  it('built files of this folder stay out of the image', () => {
    expect(existsSync(`${root}${file}.dockerignore`)).toBe(true)
    for (const name of ['node_modules', '.git', 'dist'])
      expect(readFileSync(`${root}${file}.dockerignore`, 'utf8').split('\n')).toContain(name)
  })
})

it.skipIf(spawnSync('hadolint', ['--version']).status !== 0).each(['provider', 'checker'])(
  'hadolint finds nothing in Dockerfile.%s (needs hadolint)',
  role => {
    const folder = `${root}packaging/docker/`
    const config = ['--config', `${folder}hadolint.yaml`, '--failure-threshold', 'warning']
    const { stdout, stderr, status } = spawnSync('hadolint', [...config, `${folder}Dockerfile.${role}`], {
      encoding: 'utf8',
    })
    expect(status, stdout + stderr).toBe(0)
  },
)

it('the image has CUDA where CUDA is used, and Vulkan drivers where Vulkan is', () => {
  const stages = stagesOf(parseDockerfile(readFileSync(`${root}packaging/docker/Dockerfile.provider`, 'utf8')))
  const textOf = (target: string) =>
    stages
      .find(([from]) => from!.rest.endsWith(` AS ${target}`))!
      .map(({ name, rest }) => `${name} ${rest}`)
      .join('\n')
  expect(textOf('cuda')).toMatch(/^FROM nvidia\/cuda:12\..*-cudnn-runtime/)
  expect(textOf('cuda')).toContain('COPY --from=cuda-part /opt/kaisar /opt/kaisar')
  expect(textOf('cuda-part')).toContain(
    'ONNXRUNTIME_NODE_INSTALL=cuda12 node /opt/kaisar/node_modules/onnxruntime-node',
  )
  expect(existsSync(`${root}node_modules/onnxruntime-node/script/install.js`)).toBe(true)
  expect(textOf('vulkan')).toMatch(/libvulkan1 mesa-vulkan-drivers rocm-smi/)
  // What memory rounds on a card need: the shaders' package, the loader, and NVIDIA's driver for it.
  const { peerDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  expect(textOf('card-part')).toContain(`webgpu@${peerDependencies.webgpu.replace('^', '')}`)
  expect(textOf('vulkan')).toContain('COPY --from=card-part /opt/kaisar /opt/kaisar')
  expect(textOf('cuda-part')).toMatch(/^FROM card-part AS cuda-part/)
  expect(textOf('cuda')).toMatch(/libvulkan1/)
  expect(textOf('cuda')).toMatch(/NVIDIA_DRIVER_CAPABILITIES=[a-z,]*graphics/)
})
