/** The binary and the contracts are built before the tiers that run them, and not again under their feet. */
export default async function setup(): Promise<void> {
  if (process.env.KAISAR_SKIP_BUILD) return
  const script = new URL('../../scripts/build.mjs', import.meta.url).href
  const { build } = (await import(/* @vite-ignore */ script)) as { build: () => Promise<void> }
  await build()
  process.env.KAISAR_SKIP_BUILD = '1'
}
