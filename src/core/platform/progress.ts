/**
 * Progress of something that takes longer than a second, on stderr: a bar that redraws itself on a terminal, plain lines elsewhere
 * (one at the start, one per quarter, one at the end).
 */
export type Progress = {
  /** `done` of `total`; a note is shown behind it. */
  update(done: number, note?: string): void
  /** Ends it with a last line. */
  finish(note?: string): void
}

export type ProgressOutput = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }

/** @param options.total - how many units there are; 0 when unknown, then only notes are shown */
export function createProgress(
  options: { title: string; total: number },
  dependencies: { output: ProgressOutput; nowMs?: () => number },
): Progress {
  const { title, total } = options
  const { output, nowMs = () => performance.now() } = dependencies
  const startedMs = nowMs()
  let drawnMs = Number.NEGATIVE_INFINITY
  let quarter = 0
  const share = (done: number) => (total > 0 ? Math.min(1, done / total) : 0)
  const draw = (text: string) => output.write(`\r${text.slice(0, (output.columns ?? 80) - 1)}\u001b[K`)
  if (!output.isTTY) output.write(`${title} …\n`)
  return {
    update: (done, note) => {
      const behind = note ? `  ${note}` : ''
      if (output.isTTY) {
        // More than some 15 frames a second is flicker.
        if (nowMs() - drawnMs < 66 && done < total) return
        drawnMs = nowMs()
        draw(total > 0 ? `${title} ${bar(share(done))} ${done}/${total}${behind}` : `${title} …${behind}`)
        return
      }
      const reached = Math.floor(share(done) * 4)
      if (reached <= quarter || reached === 4) return
      quarter = reached
      output.write(`${title}: ${reached * 25}%${behind}\n`)
    },
    finish: note => {
      const seconds = ((nowMs() - startedMs) / 1000).toFixed(1)
      output.write(`${output.isTTY ? '\r\u001b[K' : ''}${title}: ${note ?? 'done'} (${seconds} s)\n`)
    },
  }
}

const barWidth = 24
const bar = (share: number): string => {
  const full = Math.round(share * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`
}
