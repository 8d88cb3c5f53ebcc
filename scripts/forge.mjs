// Forge, by the package that holds it: `node scripts/forge.mjs test …` runs it with its own exit code. npm 10 takes `.bin/forge`
// away together with the builds for other platforms, which bring the same name.
// Why: docs/why/dependencies-and-build.md
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const architectures = { x64: 'amd64' }
const { platform, arch } = process

/** The path of the binary. Throws where npm installed none. */
export function forgePath() {
  const name = `@foundry-rs/forge-${platform}-${architectures[arch] ?? arch}`
  const path = fileURLToPath(new URL(`../node_modules/${name}/bin/forge`, import.meta.url))
  if (!existsSync(path)) throw new Error(`no forge for ${platform}-${arch} among the optional dependencies`)
  return path
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { status } = spawnSync(forgePath(), process.argv.slice(2), { stdio: 'inherit' })
  process.exitCode = status ?? 1
}
