import { expect, test } from 'vitest'

import { toCalendar } from './ics'

const event = {
  uid: 'appointment-7@yuyue.test',
  start: '2021-10-01 10:20:00',
  end: '2021-10-01 11:20:00',
  title: '预约到场',
  note: '预约号 7',
}
const now = new Date('2021-09-30T01:02:03.456Z')

test('the time is the same instant everywhere', () => {
  const lines = toCalendar(event, now).split('\r\n')
  expect(lines).toContain('DTSTART:20211001T022000Z')
  expect(lines).toContain('DTEND:20211001T032000Z')
  expect(lines).toContain('UID:appointment-7@yuyue.test')
  expect(lines).toContain('DTSTAMP:20210930T010203Z')
  expect(lines[0]).toBe('BEGIN:VCALENDAR')
  expect(lines.slice(-2)).toEqual(['END:VCALENDAR', ''])
  const early = toCalendar({ ...event, start: '2021-10-01 07:00:00', end: '' }, now)
  expect(early).toContain('DTSTART:20210930T230000Z')
  expect(early).not.toContain('DTEND')
})

test('text is text and nothing else', () => {
  const calendar = toCalendar({ ...event, title: 'a;b,c\\d\nEND:VEVENT' }, now)
  expect(calendar).toContain('SUMMARY:a\\;b\\,c\\\\d\\nEND:VEVENT\r\n')
  expect(calendar.match(/^END:VEVENT/gm)).toHaveLength(1)
})

test('no line is longer than 75 octets, and unfolding gives the text back', () => {
  const note = '请准时到场'.repeat(30) + '😀'.repeat(30)
  const calendar = toCalendar({ ...event, note }, now)
  const octets = calendar.split('\r\n').map((line) => new TextEncoder().encode(line).length)
  expect(Math.max(...octets)).toBeLessThanOrEqual(75)
  expect(calendar).not.toContain('\uFFFD')
  expect(calendar.replaceAll('\r\n ', '')).toContain(`DESCRIPTION:${note}\r\n`)
})
