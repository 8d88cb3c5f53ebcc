/** Starts a Provider on this machine, or enrols its devices: gives the real probe, engines, certificate file and sockets to what does. */
import { join } from 'node:path'
import type { Address } from 'viem'
import { attestDevice } from '../attestation/attest-device.ts'
import { serveControl } from '../daemon/control-socket.ts'
import type { OpenDaemon } from '../daemon/open-daemon.ts'
import { openCertificate, openTransport } from '../daemon/peer-port.ts'
import { probeEnvironment } from '../devices/environment-probe.ts'
import { nodeHost } from '../devices/host.ts'
import { createHostProbe } from '../devices/host-probe.ts'
import { probeVisible } from '../devices/pin-devices.ts'
import { createWorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import { crashPoint } from '../platform/crash-point.ts'
import type { Logger } from '../platform/log.ts'
import type { Enrolment } from '../report/enrolment.ts'
import { answerControl, controlPath } from './control.ts'
import { enrolDevices } from './enrol-devices.ts'
import { type EngineChoice, engineOptions, type OwnDevice, type WorkingDevicesDependencies } from './own-devices.ts'
import { type ProviderDependencies, runProvider } from './run-provider.ts'

export type StartProviderOptions = OpenDaemon &
  EngineChoice & {
    /** Whether endpoints at private addresses are dialled; default no. On a development chain they always are. */
    readonly privateEndpoints?: boolean
    readonly payout: Address
    /** Whether cards that can attest are registered with their attested identity. */
    readonly attest: boolean
    /** Version of this program. */
    readonly version: string
  }

export type StartProviderDependencies = Pick<ProviderDependencies, 'log' | 'clock' | 'emit'> &
  /** What sees the devices; default this machine's probe. */
  Partial<Pick<ProviderDependencies, 'probe'>>

/** What both need of this machine. */
type MachineOptions = Omit<StartProviderOptions, 'sender' | 'store' | 'version' | 'privateEndpoints' | 'payout'>

function ownMachine(options: MachineOptions, clock: Clock) {
  const { folder, network, signer, executionProvider, cudaVisibleDevices } = options
  return {
    probe: probeVisible(
      createHostProbe({ devices: executionProvider === 'cpu' ? 'cpu' : 'auto' }, { host: nodeHost }),
      { visible: cudaVisibleDevices, host: nodeHost },
    ),
    certify: devices => {
      const binding = { role: 'provider', operator: signer.address, ...devices } as const
      return openCertificate({ file: join(folder, 'device-certificate.pem'), binding }, clock)
    },
    attest: async ({ probed }: OwnDevice, nonce) => {
      if (!options.attest || probed.record.vendor !== 'nvidia') return null
      const position = probed.index ?? 0
      const request = { chainId: network.chainId, provider: signer.address, challenge: nonce, device: probed }
      const { evidence, result } = await attestDevice({ ...request, position, cards: position + 1 }, { host: nodeHost })
      return result.identity === null ? null : { evidence, identity: result.identity.spkiSha256 }
    },
    startEngine: (jobs, device, all, signal) => createWorkEngine(engineOptions(options, jobs, device, all), { signal }),
  } satisfies Partial<WorkingDevicesDependencies>
}

/** Signs, and sends nothing. @throws as {@link enrolDevices} */
export const startEnrolment = (
  options: MachineOptions & { readonly payer: Address; readonly payout: Address },
  { log, clock }: { readonly log: Logger; readonly clock: Clock },
): Promise<Enrolment> => enrolDevices(options, { ...ownMachine(options, clock), signer: options.signer, log })

/** Runs until the signal aborts. @throws as {@link runProvider} */
export async function startProvider(
  options: StartProviderOptions,
  { log, clock, emit, probe }: StartProviderDependencies,
  stop: AbortSignal,
): Promise<void> {
  const { folder, network, signer, sender, store, payout, executionProvider, version } = options
  const clockOffsetMs = async () => {
    const { timestamp } = await network.chain.client.getBlock()
    return Math.round(clock.now() - Number(timestamp) * 1000)
  }
  await runProvider(
    { network, payout, executionProvider },
    {
      signer,
      sender,
      store,
      ...ownMachine(options, clock),
      ...(probe && { probe }),
      readEnvironment: async engines => {
        const chosen = engines.map(({ description }) => description)
        const { record } = await probeEnvironment(
          {
            kaisar: version,
            dataDirectory: folder,
            clockOffsetMs: await clockOffsetMs(),
            executionProviders: [...new Set(chosen.map(({ provider }) => provider))],
          },
          { host: nodeHost },
        )
        return { ...record, kernels: [...new Set(chosen.map(({ provider, form }) => `${provider}/${form}`))] }
      },
      openTransport: identity => openTransport(options, identity),
      clock,
      random: Math.random,
      async serveControl(pauses) {
        try {
          const server = await serveControl(controlPath(folder), request => answerControl(pauses, request))
          return () => server.close()
        } catch (error) {
          log.warn({ error, path: controlPath(folder) }, 'nothing listens for "kaisar provider pause"')
          return async () => undefined
        }
      },
      log,
      emit,
      crashPoint,
    },
    stop,
  )
}
