/** What homemaking takes. */

/** A telephone number: 5 to 20 digits, with `+` and `-` among them. */
export function isTel(text: string): boolean {
  const trimmed = text.trim()
  const digits = trimmed.replace(/\D/g, '').length
  return /^[-+\d]{5,32}$/.test(trimmed) && digits >= 5 && digits <= 20
}

/** A price in yuan: above 0, at most two decimals and 1,000,000.00. */
export function isPrice(text: string): boolean {
  const trimmed = text.trim()
  return /^\d{1,7}(\.\d{1,2})?$/.test(trimmed) && Number(trimmed) > 0 && Number(trimmed) <= 1_000_000
}

/** The most a picture may weigh, in bytes. */
export const LARGEST_PICTURE = 5 * 1024 * 1024
export const PICTURE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']
