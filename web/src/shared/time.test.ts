import { expect, test, vi } from 'vitest'

import { addDays, instantOf, mondayOf, showTime, weekdayOf, wireTime } from './time'

test('it is what time it is in Shanghai', () => {
  expect(wireTime(new Date('2021-12-31T16:00:05Z'))).toBe('2022-01-01 00:00:05')
  expect(wireTime(new Date('2021-10-01T00:30:00Z'))).toBe('2021-10-01 08:30:00')
})

test('what a clock in Shanghai shows is an instant', () => {
  expect(instantOf('2022-01-01 00:00:05').toISOString()).toBe('2021-12-31T16:00:05.000Z')
})

test('the page names the zone, which may have summer time', async () => {
  document.head.innerHTML = '<meta name="time-zone" content="America/New_York" />'
  vi.resetModules()
  const there = await import('./time')
  expect(there.wireTime(new Date('2026-07-01T16:00:00Z'))).toBe('2026-07-01 12:00:00')
  for (const wire of [
    '2026-01-01 12:00:00',
    '2026-03-08 01:30:00',
    '2026-03-08 03:30:00',
    '2026-11-01 05:00:00',
  ]) {
    expect(there.wireTime(there.instantOf(wire))).toBe(wire)
  }
})

test('a field of time is seconds or text', () => {
  expect(showTime(1633048200)).toBe('2021-10-01 08:30:00')
  expect(showTime('2021-10-01 08:30:00')).toBe('2021-10-01 08:30:00')
  expect([0, '', null, undefined].map(showTime)).toEqual(['', '', '', ''])
})

test('days follow the calendar', () => {
  expect(addDays('2024-02-28', 2)).toBe('2024-03-01')
  expect(addDays('2022-01-01', -1)).toBe('2021-12-31')
  expect(['2021-10-01', '2021-10-03', '2021-10-04'].map(weekdayOf)).toEqual([5, 7, 1])
  expect(['2021-10-01', '2021-10-03', '2021-10-04'].map(mondayOf)).toEqual([
    '2021-09-27',
    '2021-09-27',
    '2021-10-04',
  ])
})
