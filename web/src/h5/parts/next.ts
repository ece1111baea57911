/** Where to go after a detour: a page of ours that an address names, else `otherwise`. */
export function ownPath(next: unknown, otherwise: string): string {
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : otherwise
}
