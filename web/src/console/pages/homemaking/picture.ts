/** Whether the page may show a picture: its content policy allows those of this server only. */
export function isOurs(address: string): boolean {
  return URL.parse(address, location.href)?.origin === location.origin
}
