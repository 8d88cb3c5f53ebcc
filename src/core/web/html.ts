/** HTML as a value: whatever is put into {@link html} is escaped, unless it is HTML itself. */
export type Html = { readonly markup: string }
type Part = Html | string | number | bigint | null | undefined | false | readonly Part[]

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeText = (text: string) => text.replace(/[&<>"']/g, character => escapes[character]!)

function markupOf(part: Part): string {
  if (part === null || part === undefined || part === false) return ''
  if (Array.isArray(part)) return part.map(markupOf).join('')
  if (typeof part === 'object') return (part as Html).markup
  return escapeText(String(part))
}

/**
 * @example
 * html`<td>${device.model}</td>` // the model is escaped; null and false print nothing; arrays are joined
 */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  markup: strings.reduce((text, string, i) => text + markupOf(parts[i - 1]) + string),
})
