import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Flags } from '@oclif/core'
import { gpuErrors } from '../../core/devices/errors.ts'
import { platformErrors } from '../../core/platform/platform-errors.ts'
import { BaseCommand, confirmFlags, examples } from '../base.ts'
import { printLines } from '../print-table.ts'

/** The download is about 300 MB. */
const fetchLimitMs = 60 * 60_000

export default class ProviderSetupGpu extends BaseCommand<typeof ProviderSetupGpu> {
  static override description =
    `Say what this machine's cards need for CUDA and WebGPU, what of it is there, and the commands that install the rest.

Without --install nothing is changed. --install fetches ONNX Runtime's CUDA part by itself; for everything else it shows each
command and asks. Exit code 3 where there is a card and no engine for it works.`
  static override examples = examples('', '--install', '--json')
  static override flags = {
    ...confirmFlags,
    install: Flags.boolean({ description: 'Install what is missing' }),
  }

  async run() {
    const { installParts, missingParts, setupLines } = await import('../../core/devices/gpu-setup.ts')
    const before = await this.examine()
    await printLines(this, setupLines(before))
    if (!this.flags.install) return this.conclude(before, [])
    const steps = await installParts(missingParts(before), {
      fetchOwn: () => this.fetchCudaPart(),
      ask: command => this.mayRun(command),
      shell: command => this.runOnTerminal(command),
    })
    for (const { command, outcome } of steps) this.log(`${outcome.padEnd(6)} ${command}`)
    const after = steps.some(({ outcome }) => outcome === 'done') ? await this.examine() : before
    if (after !== before) await printLines(this, setupLines(after))
    return this.conclude(after, steps)
  }

  /** A card that nothing can use is a failure, so that scripts see it. */
  private async conclude(setup: Awaited<ReturnType<ProviderSetupGpu['examine']>>, steps: readonly object[]) {
    const result = { ...setup, steps }
    const needed = setup.engines.filter(({ engine, state }) => /^(cuda|webgpu)$/.test(engine) && state !== 'unused')
    if (needed.length > 0 && needed.every(({ state }) => state !== 'works'))
      this.fail(gpuErrors.GPU_SETUP_INCOMPLETE({ engines: needed.map(({ engine }) => engine) }), result)
    this.nextSteps(['kaisar provider self-test --spec devnet', 'kaisar provider init'])
    return result
  }

  private get runtimePackage(): string {
    return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  }

  private async examine() {
    const { examineSetup } = await import('../../core/devices/gpu-setup.ts')
    const { nodeHost: host } = await import('../../core/devices/host.ts')
    const { probeEnvironment } = await import('../../core/devices/environment-probe.ts')
    const webgpu = await import('../../core/job/webgpu-package.ts')
    this.progress('Looking at drivers and libraries, and trying the engines …')
    const options = { kaisar: this.config.version, dataDirectory: this.dataDir, clockOffsetMs: null }
    const { providers: tried, record } = await probeEnvironment(options, { host })
    return examineSetup(
      {
        runtimeFolder: join(this.runtimePackage, 'bin', 'napi-v6', process.platform, process.arch),
        libraryFolders: (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(folder => folder !== ''),
        container: record.container,
        webgpu: { found: webgpu.findWebgpu() !== null, command: webgpu.installWebgpu() },
      },
      { host, tried },
    )
  }

  /** ONNX Runtime's own script, which npm is told to skip: it fetches from nuget.org. */
  private async fetchCudaPart(): Promise<boolean> {
    const { nodeHost } = await import('../../core/devices/host.ts')
    this.progress('Fetching ONNX Runtime’s CUDA part from nuget.org, about 300 MB …')
    const script = join(this.runtimePackage, 'script', 'install.js')
    const { exitCode, stderr } = await nodeHost.run(
      'env',
      ['ONNXRUNTIME_NODE_INSTALL=cuda12', process.execPath, script],
      {
        timeoutMs: fetchLimitMs,
      },
    )
    if (exitCode !== 0) this.warn(`It could not be fetched: ${stderr.trim().split('\n').at(-1) ?? ''}`)
    return exitCode === 0
  }

  /** Where nobody can answer, a command is only shown. Ctrl-C is no answer to one command: it ends all. */
  private async mayRun(command: string): Promise<boolean> {
    if (this.flags.yes) return true
    if (!this.canPrompt) return false
    const { confirm, isCancel } = await import('@clack/prompts')
    const answer = await confirm({ message: `Run: ${command}`, initialValue: false, output: process.stderr })
    if (isCancel(answer)) throw platformErrors.INTERRUPTED()
    return answer
  }

  private async runOnTerminal(command: string): Promise<number> {
    const { execa } = await import('execa')
    // What it prints is no part of the result.
    const { exitCode } = await execa('bash', ['-c', command], {
      reject: false,
      stdin: 'inherit',
      stdout: process.stderr,
      stderr: process.stderr,
    })
    return exitCode ?? 1
  }
}
