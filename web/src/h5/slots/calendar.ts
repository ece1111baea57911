import { save } from '@/shared/csv'

import { tell } from '../parts/ask'
import { toCalendar } from './ics'
import { text } from './messages'

/** Hands the person a calendar file of an appointment. WeChat's browser saves no files: it is told so. */
export function saveToCalendar(id: number, { datetime, ends }: { datetime: string; ends: string }): void {
  if (/MicroMessenger/i.test(navigator.userAgent)) return tell(text.value.wechatFile)
  const { event, eventNote } = text.value
  const uid = `appointment-${id}@${location.hostname}`
  const calendar = toCalendar(
    { uid, start: datetime, end: ends, title: event, note: eventNote(id) },
    new Date(),
  )
  save(`appointment-${id}.ics`, new Blob([calendar], { type: 'text/calendar;charset=utf-8' }))
}
