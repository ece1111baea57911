/** Calendar files (RFC 5545). */
import { instantOf } from '@/shared/time'

export interface CalendarEvent {
  /** Tells the event from others for good; a file with the same replaces it. */
  uid: string
  /** `YYYY-MM-DD HH:MM:SS` as the wire has it. */
  start: string
  /** As `start`; "" where it is not known. */
  end: string
  title: string
  note: string
}

/** An hour before. */
const REMINDER = '-PT1H'

/** The file that adds `event` to a calendar; `now` is when it is made. */
export function toCalendar(event: CalendarEvent, now: Date): string {
  const start = instantOf(event.start)
  const lines = [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//Yuyue//H5//ZH',
    'BEGIN:VEVENT',
    `UID:${event.uid}`,
    `DTSTAMP:${utc(now)}`,
    `DTSTART:${utc(start)}`,
    ...(event.end === '' ? [] : [`DTEND:${utc(instantOf(event.end))}`]),
    `SUMMARY:${escape(event.title)}`,
    `DESCRIPTION:${escape(event.note)}`,
    'BEGIN:VALARM',
    'ACTION:DISPLAY',
    `DESCRIPTION:${escape(event.title)}`,
    `TRIGGER:${REMINDER}`,
    'END:VALARM',
    'END:VEVENT',
    'END:VCALENDAR',
  ]
  return lines.map((line) => `${fold(line)}\r\n`).join('')
}

/** `20211001T020000Z` */
function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
}

function escape(text: string): string {
  return text.replace(/[\\;,]/g, '\\$&').replace(/\r?\n/g, '\\n')
}

/** At most 75 octets a line, and no character torn apart. */
function fold(line: string): string {
  const encoder = new TextEncoder()
  const lines: string[] = []
  let current = ''
  let octets = 0
  for (const character of line) {
    const more = encoder.encode(character).length
    if (octets + more > 75) {
      lines.push(current)
      // The space that a continuation begins with counts.
      ;[current, octets] = ['', 1]
    }
    current += character
    octets += more
  }
  return [...lines, current].join('\r\n ')
}
