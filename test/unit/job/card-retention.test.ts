/** What a card gave back is not kept for as long as the card is held, over a software Vulkan device. */
import { expect, it } from 'vitest'
import { runOnSwiftshader, skipReason, swiftshaderMissing } from '../../helpers/swiftshader.ts'
import { installWebgpuPackage } from '../../helpers/webgpu-package.ts'

type Held = { readonly given: number; readonly held: number }

it.skipIf(swiftshaderMissing !== null)(
  `states and digests are let go of by the device that gave them${skipReason}`,
  async () => {
    const words = ['--expose-gc', 'test/unit/job/card-retention-child.ts', installWebgpuPackage()]
    const { walked, computed } = await runOnSwiftshader<{ walked: Held; computed: Held }>(words)
    for (const { given, held } of [walked, computed]) {
      expect(given).toBeGreaterThan(90_000)
      expect(held).toBeLessThan(given / 2)
    }
  },
  300_000,
)
