/** What a fault does to its device. `none`: the card works as well as without it (a finding, a gap elsewhere). */
export type FaultEffect = 'unreadable' | 'degraded' | 'none'

export type FaultDefinition = {
  readonly meaning: string
  readonly fix: string
  readonly critical: boolean
  readonly effect: FaultEffect
}

export const define = (effect: FaultEffect, critical: boolean, meaning: string, fix: string): FaultDefinition => ({
  meaning,
  fix,
  critical,
  effect,
})

/** Fixes that several faults share. */
export const fixes = {
  reset: 'Stop what uses the card and run "nvidia-smi --gpu-reset -i <card>"; where that is refused, reboot the host.',
  reseat:
    'Power the host off and on. If it comes back: check power cables, risers and seating, then have the card replaced.',
  cooling:
    'Check fans, dust, airflow and room temperature; lower the power limit with "nvidia-smi -pl <watts>" until that is done.',
} as const
