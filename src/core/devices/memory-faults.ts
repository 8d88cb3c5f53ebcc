import { around, define, fixes } from './fault-definition.ts'

/** The memory of the card. */
export const memoryFaults = {
  GPU_ECC_UNCORRECTED: define(
    'degraded',
    false,
    'Memory errors that could not be corrected happened: results may have been wrong.',
    around('', fixes.reset, 'If they come back, have the card replaced.'),
  ),
  GPU_ECC_UNCORRECTED_LIFETIME: define(
    'degraded',
    false,
    'The card has had memory errors that could not be corrected, before the driver was last loaded.',
    'Watch the counter; have the card replaced if it grows.',
  ),
  GPU_ECC_CONTAINED: define(
    'degraded',
    false,
    'A memory error was contained to the application it hit (Xid 94).',
    'Restart that application; reset the card at the next opportunity.',
  ),
  GPU_ECC_UNCONTAINED: define('degraded', true, 'A memory error could not be contained (Xid 95).', fixes.reset),
  GPU_ECC_CORRECTED_RATE: define(
    'degraded',
    false,
    'Corrected memory errors come unusually often (Xid 92).',
    'Watch it; run the vendor’s field diagnostic if they go on.',
  ),
  GPU_MEMORY_REPAIRED: define(
    'degraded',
    false,
    'The card set a bad page or row of memory aside (Xid 63).',
    'Reset the card at the next opportunity, so that the repair takes effect.',
  ),
  GPU_RETIREMENT_PENDING: define(
    'degraded',
    false,
    'A bad page of memory will be retired at the next reset.',
    fixes.reset,
  ),
  GPU_ROW_REMAP_PENDING: define(
    'degraded',
    false,
    'A bad row of memory will be replaced at the next reset.',
    fixes.reset,
  ),
  GPU_ROW_REMAP_FAILED: define(
    'degraded',
    true,
    'A bad row of memory could not be replaced: no spare is left.',
    'Have the card replaced.',
  ),
  GPU_MEMORY_UNREPAIRABLE: define(
    'degraded',
    true,
    'The card reports memory that cannot be repaired.',
    'Have the card replaced.',
  ),
  GPU_REPAIR_PENDING: define(
    'degraded',
    false,
    'The card will repair a memory channel or compute unit at the next reset.',
    fixes.reset,
  ),
  GPU_SRAM_THRESHOLD_EXCEEDED: define(
    'degraded',
    true,
    'Errors in the card’s internal memory exceed the vendor’s threshold.',
    'Have the card replaced.',
  ),
  GPU_INFOROM_CORRUPT: define(
    'degraded',
    false,
    'The card’s information memory (infoROM) is damaged; it computes, and its counters cannot be trusted.',
    'Have the card re-flashed by its vendor. Until then it works.',
  ),
} as const
