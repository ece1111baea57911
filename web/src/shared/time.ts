/**
 * Days and times as the wire has them: `YYYY-MM-DD`, `HH:MM`, `YYYY-MM-DD HH:MM:SS` in the server's zone, which it
 * writes into each page, and Unix seconds. What time it is where the browser stands does not matter.
 */
const ZONE = document.querySelector<HTMLMetaElement>('meta[name="time-zone"]')?.content ?? 'Asia/Shanghai'

const parts = new Intl.DateTimeFormat('en-CA', {
  timeZone: ZONE,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

/** An instant as `YYYY-MM-DD HH:MM:SS`. */
export function wireTime(at: Date): string {
  const found = new Map(parts.formatToParts(at).map((part) => [part.type, part.value]))
  const get = (type: Intl.DateTimeFormatPartTypes) => found.get(type) ?? ''
  return `${get('year')}-${get('month')}-${get('day')} ${get('hour')}:${get('minute')}:${get('second')}`
}

/** The instant at which the server's clock shows `YYYY-MM-DD HH:MM:SS`. */
export function instantOf(wire: string): Date {
  const shown = Date.parse(`${wire.replace(' ', 'T')}Z`)
  const offsetAt = (at: number) => Date.parse(`${wireTime(new Date(at)).replace(' ', 'T')}Z`) - at
  // Near a change of the clocks the first offset is that of the other side.
  const near = shown - offsetAt(shown)
  return new Date(shown - offsetAt(near))
}

/** Now, as `YYYY-MM-DD HH:MM:SS`. */
export function now(): string {
  return wireTime(new Date())
}

/** Today, as `YYYY-MM-DD`. */
export function today(): string {
  return now().slice(0, 10)
}

/** What a field of time says, which is Unix seconds or text by a setting; "" for none (0 or ""). */
export function showTime(value: number | string | null | undefined): string {
  if (value === null || value === undefined || value === 0 || value === '') return ''
  return typeof value === 'number' ? wireTime(new Date(value * 1000)) : value
}

/** The day that is `days` after `day`. */
export function addDays(day: string, days: number): string {
  const at = new Date(`${day}T00:00:00Z`)
  at.setUTCDate(at.getUTCDate() + days)
  return at.toISOString().slice(0, 10)
}

/** 1 is Monday, 7 is Sunday. */
export function weekdayOf(day: string): number {
  return new Date(`${day}T00:00:00Z`).getUTCDay() || 7
}

/** The Monday of the week that `day` is in. */
export function mondayOf(day: string): string {
  return addDays(day, 1 - weekdayOf(day))
}

/** `9, 5` as `09:05`. */
export function timeOfDay(hour: number, minute: number): string {
  return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
}
