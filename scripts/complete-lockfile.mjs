// npm leaves optional platform packages that the registry could not serve out of the lockfile, and `npm ci` then refuses
// the lockfile as incomplete. This adds a minimal entry for each of them: name, version, optional.
// Run it after `npm install --package-lock-only`.
import { readFileSync, writeFileSync } from 'node:fs'

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))
const exact = /^\d+\.\d+\.\d+[\w.+-]*$/

let added = 0
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    if (key in lock.packages || !exact.test(version)) continue
    lock.packages[key] = { version, dev: entry.dev, optional: true }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} optional entries added`)
