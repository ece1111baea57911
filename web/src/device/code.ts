/** The most characters of a scan that are sent: our codes have about 60, and the server refuses more than 512. */
const MOST = 600

/**
 * What was scanned, ready to be sent: without what readers add around it, and in small letters if Caps Lock turned
 * all of them over. The server alone decides whether it is a code.
 */
export function readScan(text: string): string {
  const trimmed = text.replace(/^[\s\uFEFF]+|[\s\uFEFF]+$/g, '').slice(0, MOST)
  const isTurned = /"QRCODE"|^[\dA-F]{32}$/.test(trimmed) && !/[a-z]/.test(trimmed)
  return isTurned ? trimmed.toLowerCase() : trimmed
}
