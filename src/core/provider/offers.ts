/** Keeps the jobs that seats have offered for our devices. Each offer promises the secret that its seat samples with later. */
import type { Address, Hex } from 'viem'
import type { SignedMessage } from '../protocol/typed-data.ts'

type Offer = SignedMessage<'JobOffer'>

export type Offers = {
  /** Keeps an offer; only the first of a seat for a device's round counts. */
  take(offer: Offer): void
  of(checker: Address, about: { readonly round: Hex; readonly deviceId: Hex }): Offer | undefined
  /** Forgets the offers of earlier epochs. */
  forgetBefore(epoch: bigint): void
}

/** Offers that are kept of one seat for one device: twice the rounds that are kept for opening. */
const keptOffers = 8

/** @param isOpen - whether a round was committed to and seats may still ask about it; its offer is not replaced */
export function createOffers(isOpen: (round: Hex, deviceId: Hex) => boolean): Offers {
  const kept = new Map<string, Offer[]>()
  const ownOf = (checker: Address, deviceId: Hex) => kept.get(`${checker} ${deviceId}`) ?? []

  return {
    take(offer) {
      const { checker, deviceId, round } = offer
      const own = ownOf(checker, deviceId)
      if (own.some(other => other.round === round)) return
      // Each seat has its own space, so offers of rounds that never come displace no offer of another seat.
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
