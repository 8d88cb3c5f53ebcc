/**
 * Cuts a stream of chunks into lines. A line longer than `maxChars` is delivered cut, so that a child that never ends its line
 * cannot fill the memory.
 */
export function createLineSplitter(
  onLine: (line: string) => void,
  maxChars = 64 * 1024,
): { push(chunk: string): void; end(): void } {
  let rest = ''
  let dropping = false
  return {
    push: chunk => {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop()!
      for (const part of parts) {
        if (!dropping) onLine(part.length > maxChars ? part.slice(0, maxChars) : part.replace(/\r$/, ''))
        dropping = false
      }
      if (rest.length > maxChars) {
        if (!dropping) onLine(rest.slice(0, maxChars))
        rest = ''
        dropping = true
      }
    },
    end: () => {
      if (rest !== '' && !dropping) onLine(rest)
      rest = ''
    },
  }
}
