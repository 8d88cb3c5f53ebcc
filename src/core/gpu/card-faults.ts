import { define, fixes } from './fault-definition.ts'

/** The card is gone, needs something done, or is slower than it could be. */
export const cardFaults = {
  GPU_LOST: define(
    'unreadable',
    true,
    'The driver lost contact with this card.',
    `${fixes.reseat} The kernel log names the reason (Xid 79: fallen off the bus).`,
  ),
  GPU_FELL_OFF_BUS: define(
    'unreadable',
    true,
    'The card has fallen off the PCI bus (Xid 79): power, seating, overheating or a broken card.',
    fixes.reseat,
  ),
  GPU_GSP_TIMEOUT: define(
    'degraded',
    true,
    'The card’s own processor (GSP) does not answer the driver (Xid 119 or 120).',
    `${fixes.reset} If it comes back, update the driver or try without GSP firmware (NVreg_EnableGpuFirmware=0).`,
  ),
  GPU_FIRMWARE_HALTED: define(
    'degraded',
    true,
    'The card’s internal microcontroller halted (Xid 61 or 62).',
    fixes.reset,
  ),
  GPU_INIT_FAILED: define(
    'unreadable',
    true,
    'The driver could not initialise the card.',
    'Check power and seating, update driver and firmware; look at the quoted line of the kernel log.',
  ),
  GPU_RESET_REQUIRED: define('degraded', true, 'The card stopped working and says that it needs a reset.', fixes.reset),
  GPU_DRAIN_RECOMMENDED: define(
    'degraded',
    false,
    'The card recommends to be drained and reset at the next opportunity.',
    `Let the current work end, then: ${fixes.reset}`,
  ),
  GPU_RESET_SEEN: define(
    'degraded',
    false,
    'The driver had to reset the card.',
    'Watch it. If it happens again: check power and temperature, update driver and firmware.',
  ),
  GPU_RING_TIMEOUT: define(
    'degraded',
    false,
    'Work on the card hung until the driver stopped it.',
    'Watch it. If it happens again: undo overclocking, check power and temperature, update the driver.',
  ),
  GPU_NVLINK_ERROR: define(
    'degraded',
    false,
    'A link between cards failed (Xid 74).',
    'Reset all cards of the board together; if it comes back, have the link checked.',
  ),
  GPU_FABRIC_NOT_READY: define(
    'degraded',
    true,
    'The fabric between the cards of this board is not up, and CUDA does not start without it.',
    'Start the fabric manager of the same version as the driver ("sudo systemctl restart nvidia-fabricmanager").',
  ),
  GPU_XID: define(
    'degraded',
    false,
    'The driver logged an error of this card.',
    'Look the Xid number up in NVIDIA’s Xid catalogue (docs.nvidia.com/deploy/xid-errors).',
  ),
  GPU_READING_FAILED: define(
    'degraded',
    false,
    'The driver could not read some of the card’s values.',
    'Look into the kernel log; a card that answers in part often needs a reset.',
  ),
  GPU_HEALTH_WARNING: define(
    'degraded',
    false,
    'The vendor’s tool reports a component of the card as not healthy.',
    'Follow the quoted description; have the card checked if it stays.',
  ),
  GPU_COMPUTE_PROHIBITED: define(
    'degraded',
    true,
    'The card’s compute mode is "Prohibited": nothing may compute on it.',
    'Run "sudo nvidia-smi -c DEFAULT -i <card>".',
  ),
  GPU_MIG_EMPTY: define(
    'degraded',
    true,
    'MIG is on and no instance exists: there is nothing to compute on.',
    'Create instances ("sudo nvidia-smi mig -cgi <profile> -C"), or switch MIG off ("sudo nvidia-smi -mig 0").',
  ),
  GPU_THERMAL_THROTTLE: define(
    'degraded',
    false,
    'The card slows its clocks because it, its memory or its board is too hot.',
    fixes.cooling,
  ),
  GPU_TEMPERATURE_HIGH: define(
    'degraded',
    false,
    'The temperature has reached the threshold at which the card slows down.',
    fixes.cooling,
  ),
  GPU_POWER_BRAKE: define(
    'degraded',
    false,
    'The power supply asks the card to slow down (power brake).',
    'Check power supplies, cables and the chassis’ power budget.',
  ),
  GPU_POWER_CAP: define(
    'degraded',
    false,
    'The card slows its clocks to stay within its power limit. At full load this is normal.',
    'Nothing, if the limit is meant; otherwise raise it with "sudo nvidia-smi -pl <watts>".',
  ),
  GPU_HARDWARE_SLOWDOWN: define(
    'degraded',
    false,
    'The hardware slows the clocks: temperature, power brake or an outside signal.',
    `Check power cabling. ${fixes.cooling}`,
  ),
  GPU_LINK_WIDTH_REDUCED: define(
    'degraded',
    false,
    'The PCI Express link runs with fewer lanes than the card has.',
    'Nothing, if the slot or the virtual machine has no more. Otherwise reseat the card and check the riser.',
  ),
} as const
