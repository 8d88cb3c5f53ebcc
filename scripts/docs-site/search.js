/** Finds the sections that have every word typed, those with it in a heading first. The index is a file beside this one. */
const { root } = document.currentScript.dataset
const field = document.querySelector('#search')
const list = document.querySelector('#results')

function find(query) {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== '')
  if (words.length === 0) return []
  const found = []
  for (const [page, anchor, title, heading, text] of window.searchIndex) {
    const head = `${title} ${heading}`.toLowerCase()
    const body = text.toLowerCase()
    if (!words.every(word => head.includes(word) || body.includes(word))) continue
    const rank =
      words.filter(word => heading.toLowerCase().includes(word)).length * 2 +
      words.filter(word => head.includes(word)).length
    found.push({ page, anchor, title, heading, rank, excerpt: excerptOf(text, words[0]) })
  }
  return found.sort((a, b) => b.rank - a.rank).slice(0, 20)
}

function excerptOf(text, word) {
  const at = Math.max(0, text.toLowerCase().indexOf(word) - 40)
  return text.slice(at, at + 140)
}

field.addEventListener('input', () => {
  const found = find(field.value)
  list.replaceChildren(
    ...found.map(({ page, anchor, title, heading, excerpt }) => {
      const item = document.createElement('li')
      const link = document.createElement('a')
      link.href = `${root}/${page}${anchor === '' ? '' : `#${anchor}`}`
      link.textContent = title === heading ? title : `${title}: ${heading}`
      const said = document.createElement('p')
      said.textContent = excerpt
      item.append(link, said)
      return item
    }),
  )
  if (found.length === 0 && field.value.trim() !== '') list.textContent = 'Nothing found.'
  list.hidden = field.value.trim() === ''
})
