/** Makes text of others (peers, their tools, strings of the chain) safe for logs, terminals, pages and labels. */
import { z } from 'zod'

/** Control and escape characters, invisible ones, those that change the direction of text, lone surrogates, ends of lines. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu

/** The text with a space in place of every unprintable character. */
export const printable = (text: string): string => text.replace(unprintable, ' ')

/** Schema of text that is signed or hashed. Such text must never be altered, so it is refused where it has an unprintable character. */
export const plainText = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .refine(text => printable(text) === text, 'it has characters that cannot be shown')

/** Schema of text that only people read: an unprintable character becomes a space. */
export const shownText = (maxLength: number) => z.string().max(maxLength).transform(printable)
