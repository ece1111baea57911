/** `datetime-local` inputs and times on the wire: the same clock, the server's. */
import { instantOf, wireTime } from '@/shared/time'

const HOUR = 3_600_000

/** `hours` after the wire's `now`, at the full hour, as an input has it. */
export function toInput(now: string, hours: number): string {
  const at = instantOf(`${now.slice(0, 13)}:00:00`)
  const full = new Date(at.getTime() + hours * HOUR)
  return wireTime(full).slice(0, 16).replace(' ', 'T')
}

/** `2021-10-01T10:20` as `2021-10-01 10:20:00` */
export function fromInput(value: string): string {
  return value === '' ? '' : `${value.replace('T', ' ').slice(0, 16)}:00`
}
