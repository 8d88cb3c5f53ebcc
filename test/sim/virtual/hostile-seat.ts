/** A seat whose Checker is honest and whose wire is not: what it says to Providers is followed by what it should not. */
import { type Address, type Hex, keccak256, stringToHex } from 'viem'
import { toWire } from '../../../src/core/protocol/messages.ts'
import type { Signed } from '../../../src/core/protocol/typed-data.ts'
import { type Signer, signMessage } from '../../../src/core/report/signer.ts'
import type { Channel, Frame, Transport } from '../../../src/core/transport/transport.ts'

/**
 * `hostile-seat-requests`: a request for samples is followed by copies of it that name a block nobody knows, and by some that name one
 * each · `hostile-receipts`: an offer is followed by receipts of devices and epochs that are nobody's
 */
export type Hostility = 'hostile-seat-requests' | 'hostile-receipts'

const copies = 40
const unknownBlocks = 10
const receipts = 30

/** @param isOn - whether it is hostile now; `onFault` is told of each burst */
export function hostileSeat(
  transport: Transport,
  {
    signer,
    isOn,
    onFault,
  }: { readonly signer: Signer; readonly isOn: () => boolean; readonly onFault: (kind: Hostility) => void },
): Transport {
  let bursts = 0
  const made = (what: string): Hex => keccak256(stringToHex(`${signer.address} ${what} ${++bursts}`))

  async function requestsLike({ body }: Frame): Promise<Frame[]> {
    const { message } = body as Signed<'SampleRequest'>
    const naming = async (samplingBlockHash: Hex): Promise<Frame> => {
      const request = { ...message, samplingBlockHash, checker: signer.address as Address }
      return { type: 'job.request', body: toWire(await signMessage(signer, 'SampleRequest', request)) }
    }
    const copied = await naming(made('block'))
    const others = await Promise.all(Array.from({ length: unknownBlocks }, () => naming(made('block'))))
    return [...Array<Frame>(copies).fill(copied), ...others]
  }

  const receiptsOfNobody = (): Promise<Frame[]> =>
    Promise.all(
      Array.from({ length: receipts }, async (_, i) => {
        const lane = { cohort: 4_000_000_000, lane: 255, generation: 1, rate: 1, uptime: 1, flags: 1 }
        const message = { epoch: 2n ** 62n + BigInt(i), deviceId: made('device'), ...lane }
        return { type: 'receipt', body: toWire(await signMessage(signer, 'Receipt', message)) }
      }),
    )

  const hostile = (channel: Channel): Channel =>
    new Proxy(channel, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== 'function') return value
        if (name !== 'send') return value.bind(target)
        return async (frame: Frame, options?: { readonly urgent?: boolean }) => {
          await target.send(frame, options)
          const isRequest = frame.type === 'job.request'
          if (!isOn() || (!isRequest && frame.type !== 'job.offer')) return
          onFault(isRequest ? 'hostile-seat-requests' : 'hostile-receipts')
          for (const more of await (isRequest ? requestsLike(frame) : receiptsOfNobody()))
            target.send(more, { urgent: true }).catch(() => undefined)
        }
      },
    })

  return {
    dial: options => transport.dial(options),
    listen: options => transport.listen({ ...options, onChannel: channel => options.onChannel(hostile(channel)) }),
  }
}
