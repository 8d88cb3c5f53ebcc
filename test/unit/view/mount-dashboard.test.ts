import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { renderToString } from 'ink'
import { createElement } from 'react'
import { describe, expect, it } from 'vitest'
import { checkerFrame } from '../../../src/core/view/checker-dashboard.ts'
import { createFactSource, DashboardFrame, mountDashboard } from '../../../src/core/view/mount-dashboard.ts'
import { networkFrame } from '../../../src/core/view/network-dashboard.ts'
import { providerFrame } from '../../../src/core/view/provider-dashboard.ts'
import { eventually } from '../../helpers/eventually.ts'
import { checkerFacts, networkFacts, providerFacts } from './dashboard-fixtures.ts'

const size = { columns: 80, rows: 24 }

/** The parts of a terminal that ink uses. */
class Terminal extends EventEmitter {
  readonly isTTY = true
  readonly columns = 80
  readonly rows = 24
  written = ''
  write(chunk: string, callback?: unknown) {
    this.written += chunk
    if (typeof callback === 'function') callback()
    return true
  }
}

class Keyboard extends EventEmitter {
  readonly isTTY = true
  raw = false
  private typed: string | null = null
  setEncoding() {}
  setRawMode(raw: boolean) {
    this.raw = raw
  }
  ref() {}
  unref() {}
  resume() {}
  pause() {}
  read() {
    const typed = this.typed
    this.typed = null
    return typed
  }
  type(text: string) {
    this.typed = text
    this.emit('readable')
  }
}

function mount(stdin: unknown = new Keyboard()) {
  const stdout = new Terminal()
  const source = createFactSource(networkFacts)
  const dashboard = mountDashboard(
    { source, frame: networkFrame },
    { stdout: stdout as unknown as NodeJS.WriteStream, stdin: stdin as NodeJS.ReadStream },
  )
  return { stdout, source, dashboard, stdin }
}

describe('dashboards', () => {
  it('render to at most 23 lines of 80 columns', () => {
    for (const frame of [
      renderToString(
        createElement(DashboardFrame<typeof networkFacts>, { facts: networkFacts, frame: networkFrame, size }),
      ),
      renderToString(
        createElement(DashboardFrame<typeof providerFacts>, { facts: providerFacts, frame: providerFrame, size }),
      ),
      renderToString(
        createElement(DashboardFrame<typeof checkerFacts>, { facts: checkerFacts, frame: checkerFrame, size }),
      ),
    ]) {
      expect(frame.split('\n').length).toBeLessThanOrEqual(23)
      expect(frame).toContain('kaisar')
      expect(frame).toContain('Epoch 3')
    }
  })

  it('takes the alternate screen, shows all that is new, and gives the screen back on q', async () => {
    const { stdout, source, dashboard, stdin } = mount()
    await eventually(() => expect(stdout.written).toContain('block 1,234'))
    expect(stdout.written).toContain('\u001b[?1049h')
    const { view, now } = networkFacts
    source.set({ ...networkFacts, view: { ...view, head: { ...view.head, number: 1_235n, timestamp: now } } })
    await eventually(() => expect(stdout.written).toMatch(/5 · 0 s ago/))
    ;(stdin as Keyboard).type('q')
    expect(await dashboard.ended).toBe('quit')
    expect(stdout.written).toContain('\u001b[?1049l')
    expect((stdin as Keyboard).raw).toBe(false)
  })

  it('tells Ctrl-C from q, so that the command can exit with 130', async () => {
    const { stdout, dashboard, stdin } = mount()
    await eventually(() => expect(stdout.written).toContain('Epoch 3'))
    ;(stdin as Keyboard).type('\u0003')
    expect(await dashboard.ended).toBe('interrupted')
  })

  it('lives without a keyboard and ends when it is closed', async () => {
    const { stdout, dashboard } = mount(new PassThrough())
    await eventually(() => expect(stdout.written).toContain('Epoch 3'))
    await dashboard.close()
    expect(await dashboard.ended).toBe('closed')
  })
})
