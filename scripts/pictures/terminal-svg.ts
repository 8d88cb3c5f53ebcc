/** Lines of a terminal as an SVG: sharp at any size, small, the same on every machine. */
import { type Line, type Tone, textWidth } from '../../src/core/view/line.ts'

const cell = { width: 8.4, height: 18 }
const colours: Record<Tone, string> = {
  plain: '#e6e8ea',
  strong: '#ffffff',
  dim: '#9ba4ac',
  good: '#62d2bc',
  bad: '#ff8f86',
  warn: '#e5ac5d',
  accent: '#7fb7e8',
}
const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const escapeXml = (text: string) => text.replace(/[&<>]/g, character => escapes[character]!)

export function terminalSvg(
  lines: readonly Line[],
  { columns, rows, title }: { columns: number; rows: number; title: string },
): string {
  const width = Math.ceil(columns * cell.width + 32)
  const height = rows * cell.height + 32
  const texts = lines.flatMap((line, row) => {
    let column = 0
    return line.flatMap(({ text, tone }) => {
      const from = column
      column += textWidth(text)
      const bold = tone === 'strong' ? ' font-weight="600"' : ''
      // Runs of blanks would collapse: every run of words stands at its own column.
      return [...text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: words, index }) => {
        const x = (16 + (from + textWidth(text.slice(0, index))) * cell.width).toFixed(1)
        const length = (textWidth(words) * cell.width).toFixed(1)
        return `<text x="${x}" y="${30 + row * cell.height}" textLength="${length}" fill="${colours[tone]}"${bold}>${escapeXml(words)}</text>`
      })
    })
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${title}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
<rect width="100%" height="100%" rx="8" fill="#101315"/>
${texts.join('\n')}
</svg>
`
}
