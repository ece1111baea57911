/**
 * Numbers as people type and paste them: `138 1111 1111`, `+86 (138) 1111-1111`, `123 456`, digits in full
 * width. What stands between the digits only for the eye is dropped; nothing is ever cut, so what is too long
 * is told and not taken for something else.
 */

/** Blanks, hyphens, dots, brackets and invisible marks, as the server leaves them out when it compares. */
const DRESS =
  /[\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Pd}\p{Ps}\p{Pe}.。·•‧・･⋅∙ᐧ\u2212\u30fc\u2800]/gu

function undress(text: string): string {
  return text.normalize('NFKC').replace(DRESS, '')
}

/** A phone of any kind: its digits, with the plus it may begin with. */
export const cleanPhone = undress

/** A telephone of any kind, with the hyphens that stand in many. */
export function cleanTel(text: string): string {
  const parts = text.normalize('NFKC').split(/[\p{Pd}\u2212\u30fc]/u)
  return parts.map(undress).join('-')
}

/** A mainland mobile: without the country code, too. */
export function cleanMobile(text: string): string {
  return undress(text).replace(/^(?:\+|00)*86(?=1[3-9]\d{9}$)/, '')
}

/** A code, or another number, that consists of digits. */
export const cleanCode = undress
