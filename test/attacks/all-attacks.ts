import type { Attack } from './attack.ts'
import { beats } from './beats.ts'
import { busy } from './busy.ts'
import { capacity } from './capacity.ts'
import { dishonestMessages } from './dishonest-messages.ts'
import { grinding } from './grinding.ts'
import { honest } from './honest.ts'
import { latency } from './latency.ts'
import { lazySeats } from './lazy-seat.ts'
import { memoryChains } from './memory-chains.ts'
import { memoryEconomics } from './memory-economics.ts'
import { memoryInTurn } from './memory-in-turn.ts'
import { memoryResidency } from './memory-residency.ts'
import { replay } from './replay.ts'
import { silence } from './silence.ts'
import { skippedRows } from './skipped-rows.ts'
import { structure } from './structure.ts'
import { substitutedWork } from './substituted-work.ts'
import { sybil } from './sybil.ts'

export const allAttacks: readonly Attack[] = [
  honest,
  ...skippedRows,
  ...substitutedWork,
  ...replay,
  ...dishonestMessages,
  ...silence,
  ...latency,
  ...grinding,
  ...structure,
  ...sybil,
  ...lazySeats,
  ...memoryResidency,
  ...memoryChains,
  ...memoryEconomics,
  ...memoryInTurn,
  ...capacity,
  ...beats,
  ...busy,
]
