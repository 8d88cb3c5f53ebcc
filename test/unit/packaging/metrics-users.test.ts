/** Alerts and dashboard may ask only for what the daemons export: names and labels are read from their registries. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCheckerMetrics } from '../../../src/core/checker/checker-metrics.ts'
import { createProviderMetrics } from '../../../src/core/provider/provider-metrics.ts'
import { findPromtool, promtoolCheck } from '../../helpers/promtool.ts'

const packaging = fileURLToPath(new URL('../../../packaging/', import.meta.url))
const read = (path: string) => readFileSync(join(packaging, path), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'kaisar-rules-'))
afterAll(() => rmSync(folder, { recursive: true }))
const promtool = findPromtool()

/** Every exported series by name, with its own labels. */
const exported = new Map<string, ReadonlySet<string>>()
beforeAll(async () => {
  const dependencies = { readHead: async () => ({ number: 1n, timestamp: 0 }), now: () => 0 }
  const registries = [createProviderMetrics, createCheckerMetrics].map(
    create => create({ version: '0' }, dependencies).registry,
  )
  for (const registry of registries)
    for (const { name } of await registry.getMetricsAsJSON()) {
      const metric = registry.getSingleMetric(name) as unknown as { labelNames: string[]; type: string }
      const labels = new Set(metric.labelNames)
      exported.set(name, labels)
      if (metric.type === 'histogram')
        for (const suffix of ['_bucket', '_sum', '_count']) exported.set(name + suffix, new Set([...labels, 'le']))
    }
})

type Query = { readonly where: string; readonly expr: string; readonly legend: string }
const dashboard = JSON.parse(read('grafana/kaisar.json')) as {
  panels: { id: number; title: string; type: string; targets?: { expr: string; legendFormat: string }[] }[]
}
const panelQueries: Query[] = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ where: title, expr, legend: legendFormat })),
)
const alertQueries: Query[] = [
  ...read('prometheus/alerts.yml').matchAll(/- alert: (\w+)\n\s+expr: (?:>-\n)?([\s\S]*?)\n\s+(?:for|labels):/g),
].map(([, where, expr]) => ({ where: where!, expr: expr!, legend: '' }))

const namesIn = (expr: string) => [...expr.matchAll(/\bkaisar_\w+/g)].map(([name]) => name)

describe('what asks for metrics', () => {
  it('every file that uses metrics is found', () => {
    expect(panelQueries.length).toBeGreaterThan(20)
    expect(alertQueries.length).toBe(read('prometheus/alerts.yml').split('- alert: ').length - 1)
    expect(alertQueries.length).toBeGreaterThan(10)
  })

  it('alerts and dashboard name only metrics that are exported', () => {
    for (const { where, expr } of [...panelQueries, ...alertQueries]) {
      const names = namesIn(expr)
      expect(names.length + Number(expr.startsWith('up{')), where).toBeGreaterThan(0)
      for (const name of names) expect([...exported.keys()], where).toContain(name)
    }
  })

  it('alerts and dashboard use only labels that exist', () => {
    // Added by Prometheus itself.
    const always = ['instance', 'job']
    for (const { where, expr, legend } of [...panelQueries, ...alertQueries]) {
      const labels = new Set([...always, ...namesIn(expr).flatMap(name => [...(exported.get(name) ?? [])])])
      const selected = [...expr.matchAll(/[{,]\s*(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!)
      const grouped = [...expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/,\s*/))
      const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!)
      for (const label of [...selected, ...grouped, ...shown]) expect([...labels], `${where}: ${expr}`).toContain(label)
    }
  })

  it('every exported metric is used somewhere', () => {
    const used = new Set([...panelQueries, ...alertQueries].flatMap(({ expr }) => namesIn(expr)))
    const unused = [...exported.keys()].filter(
      name => !/_(bucket|sum|count)$/.test(name) && !used.has(name) && !used.has(`${name}_bucket`),
    )
    // Facts about the process and the chain that are read beside others.
    expect(unused.map(name => name.replace(/^kaisar_(provider|checker)_/, '')).sort()).toEqual(
      [
        'build_info',
        'build_info',
        'chain_head_blocks',
        'chain_head_blocks',
        'epoch',
        'start_time_seconds',
        'start_time_seconds',
      ].sort(),
    )
  })

  it('no two panels of the dashboard share an id', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe.skipIf(promtool === null)('promtool (skipped where it is not to be had)', () => {
  it('promtool accepts the alerts', () => {
    const { ok, output } = promtoolCheck(promtool!, ['rules', join(packaging, 'prometheus/alerts.yml')])
    expect(ok, output).toBe(true)
    expect(output).toContain(`SUCCESS: ${alertQueries.length} rules found`)
  })

  it('promtool fires the alerts that must fire, and no others', () => {
    const output = execFileSync(promtool!, ['test', 'rules', 'alerts.test.yml'], {
      cwd: join(packaging, 'prometheus'),
      encoding: 'utf8',
    })
    expect(output).toContain('SUCCESS')
  })

  it('promtool parses every query of the dashboard', () => {
    // Its only checker of queries is the one for rules; Grafana's variables become what it would put there.
    const rules = panelQueries.map(({ expr }, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    }))
    const file = join(folder, 'panels.yml')
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
    const { ok, output } = promtoolCheck(promtool!, ['rules', file])
    expect(ok, output).toBe(true)
  })
})
