export interface Listed {
  datetime: string
  signed_in: boolean
}

/** How one's appointment stands at `now`, `YYYY-MM-DD HH:MM:SS`. Cancelled ones are not on the list. */
export function stateOf(item: Listed, now: string): 'upcoming' | 'signedIn' | 'passed' {
  if (item.signed_in) return 'signedIn'
  return item.datetime > now ? 'upcoming' : 'passed'
}
