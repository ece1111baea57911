/** A schedule while it is edited: times as typed, each day's periods together. */
import type { components } from '@/api/schema'

export type Schedule = components['schemas']['Schedule']
export type ScheduleRequest = components['schemas']['ScheduleRequest']

export interface Span {
  from: string
  to: string
}

export interface Draft {
  /** Monday first. */
  week: Span[][]
  slot_minutes: number
  capacity: number
  days_ahead: number
  min_notice_minutes: number
  closed_dates: string[]
  extra_dates: (Span & { date: string })[]
}

export type Fault = 'badTime' | 'backwards' | 'overlap' | 'needDate'

export function draftOf(schedule: Schedule): Draft {
  const { periods, slot_minutes, capacity, days_ahead, min_notice_minutes, closed_dates, extra_dates } =
    schedule
  return {
    week: [1, 2, 3, 4, 5, 6, 7].map((weekday) =>
      periods
        .filter((period) => period.weekday === weekday)
        .map(({ from, to }) => ({ from, to }))
        .sort((one, other) => one.from.localeCompare(other.from)),
    ),
    slot_minutes,
    capacity,
    days_ahead,
    min_notice_minutes,
    closed_dates: [...closed_dates].sort(),
    extra_dates: extra_dates.map((extra) => ({ ...extra })),
  }
}

export function requestOf(draft: Draft): ScheduleRequest {
  const span = ({ from, to }: Span) => ({ from: tidyTime(from), to: tidyTime(to) })
  return {
    periods: draft.week.flatMap((spans, at) => spans.map((one) => ({ weekday: at + 1, ...span(one) }))),
    slot_minutes: draft.slot_minutes,
    capacity: draft.capacity,
    days_ahead: draft.days_ahead,
    min_notice_minutes: draft.min_notice_minutes,
    closed_dates: [...draft.closed_dates],
    extra_dates: draft.extra_dates.map((extra) => ({ date: extra.date, ...span(extra) })),
  }
}

/** `9:5`, `930` and `９：３０` as people type them become `09:05` and `09:30`; what is no time stays as it is. */
export function tidyTime(typed: string): string {
  const text = typed.normalize('NFKC').trim()
  const match = /^(\d{1,2}):(\d{1,2})$/.exec(text) ?? /^(\d{1,2})(\d{2})$/.exec(text)
  return match ? `${match[1]?.padStart(2, '0')}:${match[2]?.padStart(2, '0')}` : text
}

function isTime(text: string): boolean {
  return /^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/.test(text)
}

/** What is wrong with the periods of one day, told before the server is asked. */
export function faultOf(spans: readonly Span[]): Fault | undefined {
  const tidy = spans.map(({ from, to }) => ({ from: tidyTime(from), to: tidyTime(to) }))
  if (tidy.some(({ from, to }) => !isTime(from) || !isTime(to))) return 'badTime'
  if (tidy.some(({ from, to }) => from >= to)) return 'backwards'
  tidy.sort((one, other) => one.from.localeCompare(other.from))
  return tidy.some(({ from }, at) => at > 0 && from < (tidy[at - 1]?.to ?? '')) ? 'overlap' : undefined
}

/** The same for the extra dates, which have several periods when a date stands there more than once. */
export function extraFaultOf(extras: Draft['extra_dates']): Fault | undefined {
  if (extras.some((extra) => extra.date === '')) return 'needDate'
  const dates = new Set(extras.map((extra) => extra.date))
  for (const date of dates) {
    const fault = faultOf(extras.filter((extra) => extra.date === date))
    if (fault) return fault
  }
  return undefined
}

/** Whether nothing has to be mended before the server is asked. */
export function isSound(draft: Draft): boolean {
  return draft.week.every((spans) => !faultOf(spans)) && !extraFaultOf(draft.extra_dates)
}
