/** The calendar's week: hours down, days across. */
import type { components } from '@/api/schema'

export type CalendarDay = components['schemas']['CalendarDay']
export type CalendarSlot = components['schemas']['CalendarSlot']

/** What an hour of a day amounts to. */
export interface HourCell {
  capacity: number
  taken: number
  booked: number
  signedIn: number
}

/** The hours that any of the days has, in order. */
export function hoursOf(days: readonly CalendarDay[]): number[] {
  const hours = new Set(days.flatMap((day) => day.slots.map((slot) => slot.hour)))
  return [...hours].sort((one, other) => one - other)
}

/** The slots of an hour together; nothing where the day has none then. */
export function cellOf(day: CalendarDay, hour: number): HourCell | undefined {
  const slots = day.slots.filter((slot) => slot.hour === hour)
  if (slots.length === 0) return undefined
  const sum = (of: (slot: CalendarSlot) => number) => slots.reduce((total, slot) => total + of(slot), 0)
  return {
    capacity: sum((slot) => slot.capacity),
    taken: sum((slot) => slot.taken),
    booked: sum((slot) => slot.booked),
    signedIn: sum((slot) => slot.signed_in),
  }
}

/** How full it is, from 0 to 100; with no slots, full if anybody comes. */
export function fullness(cell: Pick<HourCell, 'capacity' | 'taken' | 'booked'>): number {
  if (cell.capacity === 0) return cell.booked > 0 ? 100 : 0
  return Math.min(100, Math.round((cell.taken / cell.capacity) * 100))
}
