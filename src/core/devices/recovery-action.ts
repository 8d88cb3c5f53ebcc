/**
 * What NVIDIA's driver asks for after a fault: in `nvidia-smi` ("GPU Recovery Action") and in Xid 154 of the kernel log, where
 * the second brackets hold it. Names by nvmlDeviceGpuRecoveryAction_t and by the Xid catalogue.
 */
const actions: readonly (readonly [pattern: RegExp, code: string | null])[] = [
  [/^none$/i, null],
  [/drain.*reset/i, 'GPU_DRAIN_RECOMMENDED'],
  [/drain/i, 'GPU_DRAIN_P2P'],
  [/reboot/i, 'GPU_REBOOT_REQUIRED'],
  [/reset|flr/i, 'GPU_RESET_REQUIRED'],
]

/** The fault that an action means; null where nothing is asked for, `GPU_XID` for an action that is not known. */
export function recoveryFault(action: string): string | null {
  const known = actions.find(([pattern]) => pattern.test(action.trim()))
  return known ? known[1] : 'GPU_XID'
}
