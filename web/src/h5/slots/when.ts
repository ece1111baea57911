/** Days and times as people say them. */
import { text as shared } from '@/shared/messages'
import { addDays, today, weekdayOf } from '@/shared/time'

import { text } from './messages'

/** `10月1日` */
export function monthDay(day: string): string {
  const [, month, date] = day.split('-').map(Number)
  return text.value.monthDay(month ?? 0, date ?? 0)
}

/** `今天`, `明天`, `周五` */
export function weekday(day: string): string {
  if (day === today()) return text.value.today
  if (day === addDays(today(), 1)) return text.value.tomorrow
  return shared.value.weekdays[weekdayOf(day) - 1] ?? ''
}

/** `10月1日 周五 10:20`, of `YYYY-MM-DD HH:MM:SS` */
export function spoken(datetime: string): string {
  const day = datetime.slice(0, 10)
  return `${monthDay(day)} ${weekday(day)} ${datetime.slice(11, 16)}`
}
