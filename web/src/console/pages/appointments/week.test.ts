import { expect, test } from 'vitest'

import { type CalendarSlot, cellOf, fullness, hoursOf } from './week'

const slot = (
  hour: number,
  minute: number,
  capacity: number,
  taken: number,
  booked = taken,
): CalendarSlot => ({
  hour,
  minute,
  capacity,
  taken,
  booked,
  signed_in: 0,
})
const friday = { date: '2021-10-01', slots: [slot(9, 0, 2, 1), slot(9, 30, 2, 2), slot(13, 0, 2, 0)] }
const saturday = { date: '2021-10-02', slots: [slot(8, 0, 1, 1)] }

test('a week has the hours of all its days', () => {
  expect(hoursOf([friday, saturday])).toEqual([8, 9, 13])
  expect(hoursOf([])).toEqual([])
})

test('an hour sums its slots', () => {
  expect(cellOf(friday, 9)).toEqual({ capacity: 4, taken: 3, booked: 3, signedIn: 0 })
  expect(cellOf(friday, 8)).toBeUndefined()
})

test('how full it is', () => {
  const of = (capacity: number, taken: number, booked = taken) => fullness({ capacity, taken, booked })
  expect([of(4, 3), of(4, 0), of(2, 5), of(0, 0, 0), of(0, 0, 1)]).toEqual([75, 0, 100, 0, 100])
})
