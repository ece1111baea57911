/** The most characters of a scan that are sent: our codes have about 60, and the server refuses more than 512. */
const MOST = 600
/** What readers and keyboards add around a code and nobody sees: blanks, control characters, invisible marks. */
const EXTRAS = /^[\s\p{Cc}\p{Cf}]+|[\s\p{Cc}\p{Cf}]+$/gu
/** The name of the symbology that readers may put before the content (AIM identifier, ISO/IEC 15424). */
const AIM = /^\][A-Za-z][\dA-Za-z]/

/**
 * What was scanned, ready to be sent: without what readers add around it, in the characters that an input method
 * made wide or round, and in small letters if Caps Lock turned all of them over. The server alone decides whether
 * it is a code.
 */
export function readScan(text: string): string {
  const bare = text.replace(EXTRAS, '').replace(AIM, '').replace(EXTRAS, '').slice(0, MOST)
  const plain = bare.normalize('NFKC').replace(/[“”]/g, '"')
  const isTurned = /"QRCODE"|^[\dA-F]{32}$/.test(plain) && !/[a-z]/.test(plain)
  return isTurned ? plain.toLowerCase() : plain
}
