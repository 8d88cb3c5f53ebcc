/** The jobs that seats have offered for our devices: promises of a secret that each seat samples with later. */
import type { Address, Hex } from 'viem'
import type { SignedMessage } from '../protocol/typed-data.ts'

type Offer = SignedMessage<'JobOffer'>

export type Offers = {
  /** Keeps an offer; the first of a seat for a device's round counts. */
  take(offer: Offer): void
  of(checker: Address, about: { readonly round: Hex; readonly deviceId: Hex }): Offer | undefined
  /** Forgets those of earlier epochs. */
  forgetBefore(epoch: bigint): void
}

/** Of one seat for one device: twice the rounds that are kept for opening. */
const keptOffers = 8

/** @param isOpen - whether a round was committed to and can be asked about; its offer stands */
export function createOffers(isOpen: (round: Hex, deviceId: Hex) => boolean): Offers {
  const kept = new Map<string, Offer[]>()
  const ownOf = (checker: Address, deviceId: Hex) => kept.get(`${checker} ${deviceId}`) ?? []

  return {
    take(offer) {
      const { checker, deviceId, round } = offer
      const own = ownOf(checker, deviceId)
      if (own.some(other => other.round === round)) return
      // Offers of rounds that never come take the place of no other seat's.
      const spare = own.length < keptOffers ? undefined : own.find(other => !isOpen(other.round, deviceId))
      kept.set(`${checker} ${deviceId}`, [...own.filter(other => other !== spare), offer])
    },
    of: (checker, { round, deviceId }) => ownOf(checker, deviceId).find(offer => offer.round === round),
    forgetBefore(epoch) {
      for (const [key, own] of kept) {
        const recent = own.filter(offer => offer.epoch >= epoch)
        if (recent.length === 0) kept.delete(key)
        else kept.set(key, recent)
      }
    },
  }
}
