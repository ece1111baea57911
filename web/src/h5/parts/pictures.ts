/** Whether the content policy lets a page show the picture at an address: ours, or anybody's over https. */
export function mayShow(address: string, own = location.origin): boolean {
  if (address === '') return false
  try {
    const { protocol, origin } = new URL(address, own)
    return protocol === 'https:' || origin === own
  } catch {
    return false
  }
}
