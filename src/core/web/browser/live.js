// @ts-check
/**
 * Keeps the page true while it is looked at: when the server says that the chain has moved on, the same page is fetched again
 * and what changed is patched in. Focus, selection, scroll position and opened details stay as they are.
 */

const root = document.documentElement
let isRefreshing = false
let isMissed = false

/** @param {Element} from the element on the page @param {Element} to what it should be */
function patchElement(from, to) {
  for (const { name } of [...from.attributes]) {
    // Whether details are open is the reader's choice.
    if (!to.hasAttribute(name) && !(name === 'open' && from.localName === 'details')) from.removeAttribute(name)
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value)
  }
  if (!(from instanceof HTMLInputElement)) patchChildren(from, to)
}

/** @param {Element} from @param {Element} to */
function patchChildren(from, to) {
  const wanted = [...to.childNodes]
  wanted.forEach((node, at) => {
    const present = from.childNodes[at]
    if (present === undefined) from.append(node)
    else if (present instanceof Element && node instanceof Element && present.localName === node.localName)
      patchElement(present, node)
    else if (present instanceof Text && node instanceof Text) {
      if (present.data !== node.data) present.data = node.data
    } else present.replaceWith(node)
  })
  while (from.childNodes.length > wanted.length) from.lastChild?.remove()
}

async function refresh() {
  if (document.hidden || isRefreshing) {
    isMissed = true
    return
  }
  isRefreshing = true
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html')
    for (const part of ['header', 'main', 'footer']) {
      const from = document.querySelector(part)
      const to = next.querySelector(part)
      if (from !== null && to !== null) patchElement(from, to)
    }
    document.title = next.title
  } finally {
    isRefreshing = false
    if (isMissed && !document.hidden) {
      isMissed = false
      void refresh()
    }
  }
}

/** The head grows older also while nothing is heard of the chain; once it is late, the page says so. */
const offset = Number(document.querySelector('.head time')?.getAttribute('data-now')) - Date.now() / 1000
let wasLate = false
setInterval(() => {
  const head = document.querySelector('.head time')
  if (head === null || document.hidden) return
  const age = Math.floor(Date.now() / 1000 + offset - Number(head.getAttribute('data-at')))
  const text = age < 1 ? 'just now' : `${duration(age)} ago`
  if (head.textContent !== text) head.textContent = text
  const isLate = age >= Number(head.getAttribute('data-late'))
  if (isLate && !wasLate) void refresh().catch(() => (root.dataset.live = 'off'))
  wasLate = isLate
}, 1000)

/** As the server writes it. @param {number} seconds */
function duration(seconds) {
  const parts = /** @type {const} */ ([
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3_600) % 24],
    ['min', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ])
  const first = parts.findIndex(([, count]) => count > 0)
  if (first === -1) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(' ')
}

document.addEventListener('click', event => {
  const button = event.target instanceof Element ? event.target.closest('[data-copy]') : null
  if (!(button instanceof HTMLElement)) return
  void navigator.clipboard.writeText(button.dataset.copy ?? '').then(() => {
    button.dataset.copied = ''
    setTimeout(() => delete button.dataset.copied, 1500)
  })
})

const live = new EventSource('/live')
live.addEventListener('open', () => {
  root.dataset.live = 'on'
})
live.addEventListener('error', () => {
  root.dataset.live = 'off'
})
live.addEventListener('view', () => void refresh().catch(() => (root.dataset.live = 'off')))
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && isMissed) {
    isMissed = false
    void refresh().catch(() => {})
  }
})
