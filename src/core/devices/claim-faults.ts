import { define } from './fault-definition.ts'

/** What the driver policy says, and contradictions: findings for the Checker. They never stop a device; work is what counts. */
export const claimFaults = {
  GPU_DRIVER_TOO_OLD: define(
    'none',
    false,
    'The driver is too old for an execution provider; the others are used.',
    'Update the driver to the version named.',
  ),
  GPU_DRIVER_UNUSABLE: define(
    'degraded',
    true,
    'The driver is too old for every execution provider: nothing can compute on this card.',
    'Update the driver to the version named.',
  ),
  GPU_UUID_DUPLICATE: define(
    'none',
    false,
    'Two devices of one host report the same UUID.',
    'Nothing for a recording whose author masked UUIDs. On a live host: check that the tool on the PATH is the vendor’s.',
  ),
  GPU_CLAIM_MEMORY: define(
    'none',
    false,
    'This model was never sold with this much memory.',
    'Check the card with its vendor’s tool, and that the tool on the PATH is the vendor’s.',
  ),
  GPU_CLAIM_MODEL: define(
    'none',
    false,
    'The PCI device id belongs to another model than the one reported.',
    'Check that the tool on the PATH is the vendor’s, and that the card’s firmware was not changed.',
  ),
  GPU_CLAIM_ARCHITECTURE: define(
    'none',
    false,
    'The reported architecture is not that of the reported model.',
    'Check that the tool on the PATH is the vendor’s.',
  ),
  GPU_CLAIM_DRIVER: define(
    'none',
    false,
    'The reported driver cannot be the one in use, or cannot drive this model.',
    'Check that the tool on the PATH is the vendor’s and belongs to the loaded driver.',
  ),
  GPU_CLAIM_NO_KERNEL_DRIVER: define(
    'none',
    false,
    'A card is reported, and no kernel driver of its vendor is loaded.',
    'Check that the tool on the PATH is the vendor’s. In a container: mount /proc/driver as the vendor’s runtime does.',
  ),
  GPU_CLAIM_NO_PCI_DEVICE: define(
    'none',
    false,
    'A card is reported at a PCI address where the bus shows none of that vendor.',
    'Check that the tool on the PATH is the vendor’s.',
  ),
  GPU_CLAIM_WORK: define(
    'none',
    false,
    'The measured work is far below what the reported model does.',
    'Run "kaisar provider self-test"; check that the job runs on the card and not on the CPU.',
  ),
} as const
