/** The compose file and the chart are what their formats say, and name images, paths, flags and variables that there are. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const { version } = JSON.parse(read('package.json')) as { version: string }
const dockerfile = read('packaging/docker/Dockerfile.provider')
const [, user] = /^USER (\d+):\d+$/m.exec(dockerfile)!

describe('compose.yml', () => {
  type Service = {
    image: string
    profiles: string[]
    build: { context: string; dockerfile: string; target: string }
    volumes: string[]
    environment: Record<string, string>
    deploy?: {
      resources: { reservations: { devices: { driver: string; device_ids: string[]; capabilities: string[] }[] } }
    }
    devices?: string[]
    [key: string]: unknown
  }
  const file = parse(read('packaging/docker/compose.yml'), { merge: true }) as {
    services: Record<string, Service>
    volumes: Record<string, object>
    secrets: Record<string, { file: string }>
  }
  const services = Object.entries(file.services)

  it('compose.yml has one container for each card, and no card and no volume twice', () => {
    const cards = services.flatMap(([, { deploy, devices = [] }]) => [
      ...(deploy?.resources.reservations.devices.flatMap(each => each.device_ids) ?? []),
      ...devices.filter(path => path.includes('renderD')),
    ])
    expect(cards).toHaveLength(services.length)
    expect(new Set(cards).size).toBe(cards.length)
    const volumes = services.map(([, service]) => service.volumes[0]!.split(':')[0]!)
    expect(volumes.toSorted()).toEqual(Object.keys(file.volumes).toSorted())
    for (const [, service] of services) expect(service.volumes[0]).toMatch(/:\/var\/lib\/kaisar$/)
  })

  it.each(services)('the service %s is built from a target that exists, by an exact name', (_, { image, build }) => {
    expect(dockerfile).toMatch(new RegExp(`^FROM .* AS ${build.target}$`, 'm'))
    expect(existsSync(join(root, 'packaging/docker', build.context, build.dockerfile))).toBe(true)
    expect(image).toBe(`kaisar-provider:${build.target}`)
  })

  it.each(services)('the service %s has no rights, no writable image, and time to finish its rounds', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      stop_grace_period: '45s',
      secrets: ['kaisar-password'],
    })
    expect(service).not.toHaveProperty('privileged')
    expect(service).not.toHaveProperty('ports')
    expect(Object.keys(service.environment).filter(name => /PASSWORD/.test(name))).toEqual([])
  })

  it('compose.yml hands the password over under the name that the command looks for', () => {
    expect(Object.keys(file.secrets)).toEqual(['kaisar-password'])
    expect(dockerfile).toContain('CREDENTIALS_DIRECTORY=/run/secrets')
    expect(read('src/commands/base.ts')).toContain(`credential: 'kaisar-password'`)
  })
})

describe('compose-checker.yml', () => {
  const text = read('packaging/docker/compose-checker.yml')
  const { services, volumes } = parse(text) as {
    services: Record<string, Record<string, unknown> & { volumes: string[]; environment: Record<string, string> }>
    volumes: object
  }
  const checker = services.checker!
  const image = read('packaging/docker/Dockerfile.checker')

  it('runs the image of a Checker without rights, with a volume, and with the port that the image listens at', () => {
    expect(checker).toMatchObject({
      image: 'kaisar-checker',
      build: { context: '../..', dockerfile: 'packaging/docker/Dockerfile.checker' },
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      stop_grace_period: '45s',
      secrets: ['kaisar-password'],
    })
    expect(checker.volumes[0]).toBe('checker:/var/lib/kaisar')
    expect(Object.keys(volumes)).toEqual(['checker'])
    const [, port] = /"--port", "(\d+)"/.exec(image)!
    expect(checker.ports).toEqual([`${port}:${port}`])
    expect(image).toContain('CREDENTIALS_DIRECTORY=/run/secrets')
  })

  it('gives settings by variables that the command has, and explains each that has to be set', () => {
    const page = read('docs/configuration.md')
    for (const [name, value] of Object.entries(checker.environment)) {
      if (name === 'KAISAR_CONTEXT_HOME') continue
      expect(page, name).toMatch(new RegExp(`\`${name}\` .* checker (init|run)|\`${name}\` .* all`))
      expect(value).toMatch(new RegExp(`^\\$\\{${name}:\\?.+\\}$`))
      expect(text).toMatch(new RegExp(`^# +${name} +\\S`, 'm'))
    }
  })
})

describe('the chart', () => {
  const values = parse(read('packaging/helm/values.yaml')) as Record<string, unknown>
  const chart = parse(read('packaging/helm/Chart.yaml')) as Record<string, string>
  const given = { ...values, payout: `0x${'ab'.repeat(20)}`, network: { name: 'mainnet', file: '{"chainId": 1}\n' } }

  /** What the templates use of Helm: values, with the functions quote, toJson and required. */
  function render(template: string, from: object): string {
    return template.replaceAll(/\{\{ (.*?) \}\}/g, (_, expression: string) => {
      const [first, ...pipes] = expression.split(' | ')
      const [, message, path] = /^(?:required "([^"]*)" )?(\.\S+)$/.exec(first!)!
      const value = path!
        .split('.')
        .slice(1)
        .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], {
          Values: from,
          Release: { Name: 'gpus' },
        })
      if (value === undefined) throw new Error(`${path} is no value`)
      if (message !== undefined && value === '') throw new Error(message)
      return pipes.reduce<unknown>((at, pipe) => {
        if (pipe !== 'quote' && pipe !== 'toJson') throw new Error(`${pipe} is not known here`)
        return JSON.stringify(at)
      }, value) as string
    })
  }
  const objects = (from: object = given) =>
    readdirSync(join(root, 'packaging/helm/templates')).flatMap(name =>
      parseAllDocuments(render(read(`packaging/helm/templates/${name}`), from), { merge: true }).map(each => {
        expect(each.errors).toEqual([])
        return each.toJS() as Record<string, never>
      }),
    )
  const ofKind = (kind: string, from?: object) => objects(from).find(each => each.kind === kind)! as never
  type Container = {
    image: string
    command?: string[]
    env: { name: string; value: string }[]
    resources: { limits: Record<string, number> }
    securityContext: object
    volumeMounts: { name: string; mountPath: string }[]
  }
  type Pod = {
    initContainers: Container[]
    containers: Container[]
    volumes: { name: string }[]
    securityContext: Record<string, unknown>
    terminationGracePeriodSeconds: number
  }
  type StatefulSet = {
    spec: { replicas: number; template: { spec: Pod }; volumeClaimTemplates: { metadata: { name: string } }[] }
  }
  const podOf = (from?: object) => (ofKind('StatefulSet', from) as StatefulSet).spec.template.spec

  it('the chart has the version of the package, and asks for values that have no default', () => {
    expect(chart).toMatchObject({ apiVersion: 'v2', version, appVersion: version })
    expect(() => objects({ ...given, payout: '' })).toThrow('payout is the wallet')
    expect(() => objects({ ...given, network: { name: 'mainnet', file: '' } })).toThrow('network.file')
  })

  it.skipIf(spawnSync('helm', ['version']).status !== 0)(
    'helm lints the chart, and renders what is read here (needs helm)',
    () => {
      const network = join(mkdtempSync(join(tmpdir(), 'kaisar-chart-')), 'mainnet.json')
      writeFileSync(network, given.network.file)
      const set = ['--set', `payout=${given.payout}`, '--set-file', `network.file=${network}`]
      const helm = (...words: string[]) => spawnSync('helm', words, { cwd: root, encoding: 'utf8' })
      const lint = helm('lint', '--strict', 'packaging/helm', ...set)
      expect({ status: lint.status, output: lint.stdout + lint.stderr }).toMatchObject({ status: 0 })
      const { stdout, stderr } = helm('template', 'gpus', 'packaging/helm', ...set)
      const rendered = parseAllDocuments(stdout, { merge: true }).map(each => each.toJS())
      const byKind = (all: unknown[]) => Object.fromEntries(all.map(each => [(each as { kind: string }).kind, each]))
      expect(byKind(rendered), stderr).toEqual(byKind(objects()))
      rmSync(dirname(network), { recursive: true })
    },
  )

  it('the chart runs one pod for each card, with one card and a volume of its own', () => {
    const { spec } = ofKind('StatefulSet', { ...given, cards: 4, resource: 'amd.com/gpu' }) as StatefulSet
    expect(spec.replicas).toBe(4)
    expect(spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual(['data'])
    for (const { resources } of [...spec.template.spec.initContainers, ...spec.template.spec.containers])
      expect(resources.limits).toEqual({ 'amd.com/gpu': 1 })
  })

  it('the chart runs without rights, as the user of the image', () => {
    const pod = podOf()
    // On every mount the group would otherwise be given the keys, which are then refused.
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: Number(user),
      fsGroup: Number(user),
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const { securityContext } of [...pod.initContainers, ...pod.containers])
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(45)
  })

  it('the chart makes the key with an existing command, and mounts what both containers need', () => {
    const pod = podOf()
    const [init] = pod.initContainers
    expect(init!.command).toEqual(['kaisar', 'provider', 'init'])
    expect(existsSync(join(root, 'src/commands/provider/init.ts'))).toBe(true)
    const volumes = new Set([...pod.volumes.map(({ name }) => name), 'data'])
    for (const { image, env, volumeMounts } of [...pod.initContainers, ...pod.containers]) {
      expect(image).toMatch(/:\d+\.\d+\.\d+-(cuda|vulkan)$/)
      expect(env.map(({ name }) => name)).toEqual(['KAISAR_PAYOUT', 'KAISAR_CONTEXT', 'KAISAR_CONTEXT_HOME'])
      for (const { name } of volumeMounts) expect(volumes).toContain(name)
    }
    expect(ofKind('ConfigMap') as object).toMatchObject({ data: { 'mainnet.json': '{"chainId": 1}\n' } })
  })
})
