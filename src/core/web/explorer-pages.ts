/** From a path to a page: the explorer without HTTP, so that every page can be tested as a value. */

import type { Explanation } from '../explain/explanation.ts'
import { findDevice, type NetworkView } from '../network/network-view.ts'
import { isKaisarError } from '../platform/errors.ts'
import { checkerPage, checkersPage } from './checkers-page.ts'
import { devicePage, devicesPage, type Models, modelPage, noModels } from './device-pages.ts'
import { epochPage, epochsPage } from './epoch-pages.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import { transactionPage, walletPage } from './ledger-pages.ts'
import { overviewPage } from './overview-page.ts'
import { checkerPath, deviceLink, table, transactionPath, walletPath } from './parts.ts'

export type Found =
  | { readonly status: 200 | 404; readonly page: Page }
  | { readonly status: 303; readonly location: string }

export type PageDependencies = {
  readonly explain: (device: `0x${string}`, epoch: number | undefined) => Promise<Explanation>
  /** Default: none is known. */
  readonly models?: Models
}

/** @param url - path and query of the request */
export async function findPage(
  view: NetworkView,
  url: URL,
  { explain, models = noModels }: PageDependencies,
): Promise<Found> {
  const { modelOf } = models
  const [section = '', name, ...more] = url.pathname.split('/').filter(part => part !== '')
  const page = Number(url.searchParams.get('page') ?? 1) || 1
  const nowhere = () => missing(url, html`There is no page ${url.pathname}.`)
  if (more.length > 0) return nowhere()
  if (name === undefined) {
    if (section === '') return ok(overviewPage(view))
    if (section === 'epochs') return ok(epochsPage(view, page))
    if (section === 'devices') return ok(devicesPage(view, page, modelOf))
    if (section === 'checkers') return ok(checkersPage(view, page))
    if (section === 'find') return find(view, url.searchParams.get('q')?.trim() ?? '')
    return nowhere()
  }
  const id = name.toLowerCase()
  const orMissing = (found: Page | null | undefined, why: Html) => (found ? ok(found) : missing(url, why))
  switch (section) {
    case 'epoch': {
      const epoch = view.epochs.find(each => String(each.epoch) === name)
      return orMissing(
        epoch && epochPage(view, epoch),
        html`There is no epoch ${name}; the current one is ${view.currentEpoch ?? 'none'}.`,
      )
    }
    case 'device': {
      const device = view.devices.find(each => each.id === id)
      if (device === undefined) return missing(url, html`No device with the id ${name} holds a lane.`)
      const asked = url.searchParams.get('epoch')
      const epoch = asked !== null && /^\d{1,9}$/.test(asked) ? Number(asked) : undefined
      const explanation = await explainOrWhyNot(() => explain(device.id, epoch))
      if (typeof explanation !== 'string') await models.look?.(device, explanation.seats)
      return ok(devicePage(view, device, explanation, modelOf))
    }
    case 'model': {
      const model = decoded(name)
      return orMissing(modelPage(view, model, page, modelOf), html`No device is known to be a ${model}.`)
    }
    case 'checker': {
      const checker = view.checkers.find(({ operator }) => operator === id)
      return orMissing(checker && checkerPage(view, checker), html`No Checker has the operator ${name}.`)
    }
    case 'wallet':
      return orMissing(
        walletPage(view, id, modelOf),
        html`The wallet ${name} has no part in what is shown, which is epoch ${view.firstEpoch} and later.`,
      )
    case 'transaction':
      return orMissing(
        transactionPage(view, id),
        html`Nothing that is shown happened in transaction ${name}; epoch ${view.firstEpoch} and later are.`,
      )
    default:
      return nowhere()
  }
}

/** A part of a path as it is shown; one that is badly encoded as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** A page is still worth showing when its explanation cannot be read. */
async function explainOrWhyNot(explain: () => Promise<Explanation>): Promise<Explanation | string> {
  try {
    return await explain()
  } catch (error) {
    if (!isKaisarError(error)) throw error
    return `${error.message} ${error.fix}`
  }
}

const ok = (page: Page): Found => ({ status: 200, page })
const missing = (url: URL, why: Html): Found => ({
  status: 404,
  page: {
    title: 'Not found',
    path: url.pathname,
    body: html`<h1>Not found</h1><p class="lead">${why} <a href="/">Back to the overview</a></p>`,
  },
})

/** A device (or the beginning of its id), an epoch, a wallet, a Checker, or a transaction. */
function find(view: NetworkView, query: string): Found {
  if (/^\d{1,9}$/.test(query)) return { status: 303, location: `/epoch/${query}` }
  const lower = query.toLowerCase()
  const owned = view.devices.filter(({ operator, payout }) => operator === lower || payout === lower)
  if (owned.length === 1) return { status: 303, location: `/device/${owned[0]!.id}` }
  if (view.checkers.some(({ operator }) => operator === lower)) return { status: 303, location: checkerPath(lower) }
  if (walletPage(view, lower, () => null) !== null) return { status: 303, location: walletPath(lower) }
  if (transactionPage(view, lower) !== null) return { status: 303, location: transactionPath(lower) }
  const ids = view.devices.map(({ id }) => id)
  try {
    return { status: 303, location: `/device/${findDevice(ids, query)}` }
  } catch (error) {
    if (!isKaisarError(error)) throw error
    const matches = view.devices.filter(({ id }) => id.startsWith(lower) && lower.length > 2)
    if (matches.length > 1) return ok(foundPage(query, matches))
    return missing(
      new URL('http://explorer/find'),
      html`Nothing is called “${query}” here: no device, wallet, Checker, transaction or epoch.`,
    )
  }
}

const foundPage = (query: string, devices: NetworkView['devices']): Page => ({
  title: 'Found',
  path: '/find',
  body: html`<h1>${devices.length} devices</h1><p class="lead">of “${query}”</p>
${table(
  'Devices found',
  [
    { title: 'Device', cell: ({ id }) => deviceLink(id) },
    { title: 'Operator', wallet: ({ operator }) => operator },
    { title: 'Pays to', wallet: ({ payout }) => payout },
  ],
  devices.slice(0, 200),
)}`,
})
