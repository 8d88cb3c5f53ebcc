// Which lines of an earlier commit are still there, found by replaying every commit since, line by line.

/**
 * A line of then is still there where it was never touched, where another took its place in the same hunk, and where the same text came up
 * elsewhere in the commit that took it away. Every other line of now was added.
 *
 * @param {readonly { path: string, text: string }[]} sources - of then
 * @param {string} log - of `git log --first-parent -m --reverse --format=%x01 -p -U0 -M`
 * @returns {Map<string, { kept: number, lines: number }>} by path of now; `lines` are all that the replay ends with
 */
export function keptLines(sources, log) {
  const files = new Map(sources.map(({ path, text }) => [path, linesIn(text).map(() => ({ isOld: true }))]))
  for (const commit of log.split('\x01')) replay(commit, files)
  return new Map(
    [...files].map(([path, lines]) => [path, { kept: lines.filter(({ isOld }) => isOld).length, lines: lines.length }]),
  )
}

const linesIn = text => text.split('\n').slice(0, text.endsWith('\n') ? -1 : undefined)

/** Without the prefix of git, which quotes nothing that our paths have. */
const pathOf = name => (name === '/dev/null' ? null : name.slice(2))

function replay(commit, files) {
  const hunks = []
  for (const part of commit.split(/^diff --git .*\n/m).slice(1)) {
    const [, from] = /^rename from (.*)$/m.exec(part) ?? []
    const [, to] = /^rename to (.*)$/m.exec(part) ?? []
    if (from !== undefined) {
      files.set(to, files.get(from) ?? [])
      files.delete(from)
    }
    const [, before, after] = /^--- (.*)\n\+\+\+ (.*)$/m.exec(part) ?? []
    if (before === undefined) continue
    const path = pathOf(after) ?? pathOf(before)
    const lines = files.get(path) ?? []
    hunks.push(...change(lines, part))
    if (pathOf(after) === null) files.delete(path)
    else files.set(path, lines)
  }
  follow(hunks)
}

/** Changes the lines of a file as its part of a commit says. Returns, of each hunk, old lines that went and new ones that came. */
function change(lines, part) {
  let offset = 0
  return part
    .split(/^(?=@@ )/m)
    .slice(1)
    .map(hunk => {
      const [, start, removed = '1', added = '1'] = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(hunk)
      const texts = hunk.split('\n').slice(1)
      const [minus, plus] = ['-', '+'].map(sign => texts.filter(text => text[0] === sign).map(text => text.slice(1)))
      const came = plus.map(text => ({ isOld: false, text: text.trim() }))
      // Where nothing is taken away, what is new stands behind the line that is named.
      const at = Number(start) + offset - (removed === '0' ? 0 : 1)
      const went = lines.splice(at, Number(removed), ...came)
      offset += Number(added) - Number(removed)
      return { went: went.flatMap(({ isOld }, i) => (isOld ? [minus[i].trim()] : [])), came }
    })
}

/** Old lines that have come up elsewhere, first, then those that others took the place of. */
function follow(hunks) {
  const left = new Map()
  for (const { went } of hunks) for (const text of went) left.set(text, (left.get(text) ?? 0) + 1)
  for (const { came } of hunks)
    for (const line of came) {
      const count = left.get(line.text) ?? 0
      if (count === 0) continue
      left.set(line.text, count - 1)
      line.isOld = true
    }
  for (const { went, came } of hunks) {
    let replaced = 0
    for (const text of went) {
      const count = left.get(text)
      if (count === 0) continue
      left.set(text, count - 1)
      replaced++
    }
    for (const line of came) {
      if (replaced === 0) break
      if (line.isOld) continue
      line.isOld = true
      replaced--
    }
  }
}
