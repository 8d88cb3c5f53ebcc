/** Text of others (peers, their tools, the chain's strings): what of it may reach logs, terminals, pages and labels. */
import { z } from 'zod'

/** Control and escape characters, those that change direction or are not seen, halves of a character, ends of lines. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu

/** The text with a space for every character that is not one to be seen. */
export const printable = (text: string): string => text.replace(unprintable, ' ')

/** Text that is signed or hashed, which nobody may change: refused where a character is not to be seen. */
export const plainText = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .refine(text => printable(text) === text, 'it has characters that cannot be shown')

/** Text for people alone: what cannot be shown of it becomes a space. */
export const shownText = (maxLength: number) => z.string().max(maxLength).transform(printable)
