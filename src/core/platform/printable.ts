/** Text of others, made safe for logs, terminals, pages and labels. */

/** Control and escape characters, invisible ones, those that change the direction of text, lone surrogates, ends of lines. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu

/** Text of a peer, its tools or the chain, with a space in place of every unprintable character. */
export const printable = (text: string): string => text.replace(unprintable, ' ')

/** The same for text of several lines, whose ends stay. */
export const printableLines = (text: string): string =>
  text.replace(unprintable, found => (found === '\n' ? found : ' '))
