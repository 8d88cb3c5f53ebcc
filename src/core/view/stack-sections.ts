import { blankLine, cutLine, type Line, type Size, span } from './line.ts'

export type Section = {
  readonly title: string
  /** Rows below the title that show everything, and the fewest that are worth showing. */
  readonly wants: number
  readonly least: number
  draw(rows: number): readonly Line[]
}

/**
 * A frame of exactly fitting height: the head, then the sections that fit, each with a title and at least its least rows; what
 * is left is shared out in order. A frame never is taller or wider than the terminal: taller ones flicker.
 */
export function stackSections(head: readonly Line[], sections: readonly Section[], { columns, rows }: Size): Line[] {
  const costOf = (content: number) => content + 2
  let left = rows - head.length
  const fitting = sections.filter(section => {
    if (section.wants === 0 || costOf(section.least) > left) return false
    left -= costOf(Math.min(section.least, section.wants))
    return true
  })
  const heights = fitting.map(section => Math.min(section.least, section.wants))
  for (let grew = true; grew && left > 0; ) {
    grew = false
    fitting.forEach((section, i) => {
      if (left <= 0 || heights[i]! >= section.wants) return
      heights[i]! += 1
      left -= 1
      grew = true
    })
  }
  const body = fitting.flatMap((section, i) => [
    blankLine,
    [span(section.title, 'accent')],
    ...section.draw(heights[i]!).slice(0, heights[i]!),
  ])
  return [...head, ...body].slice(0, rows).map(line => cutLine(line, columns))
}
