import type { Address } from 'viem'
import { type DutyStatus, dutiesOf } from '../operator/checker-status.ts'
import type { NetworkReader } from './network-reader.ts'
import { readCommittees } from './read-committees.ts'

/** The duties of an owner of seats in the current epoch and those before it, newest first. */
export async function readDuties(
  { operator, epochs: count }: { readonly operator: Address; readonly epochs: number },
  reader: NetworkReader,
): Promise<DutyStatus[]> {
  const { history, currentEpoch } = await reader.readHistory()
  const epochs = Array.from({ length: count }, (_, i) => currentEpoch - i).filter(epoch => epoch >= 0)
  const committees = await readCommittees({ operator, epochs, history }, reader)
  return dutiesOf({ history, committees, operator })
}
