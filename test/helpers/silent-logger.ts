import { pino } from 'pino'
import type { Logger } from '../../src/core/platform/log.ts'

/** A logger that drops everything. */
export const silentLogger: Logger = pino({ level: 'silent' }, { write: () => undefined })
