import { expect, test } from 'vitest'

import { type Draft, draftOf, extraFaultOf, faultOf, isSound, requestOf, tidyTime } from './draft'

const schedule = {
  periods: [
    { weekday: 1, from: '13:00', to: '16:00' },
    { weekday: 1, from: '09:00', to: '11:00' },
    { weekday: 7, from: '09:00', to: '24:00' },
  ],
  slot_minutes: 10,
  capacity: 1,
  days_ahead: 14,
  min_notice_minutes: 0,
  closed_dates: ['2021-10-02', '2021-10-01'],
  extra_dates: [{ date: '2021-10-03', from: '20:00', to: '21:00' }],
}

test('a schedule is taken apart and put together again', () => {
  const draft = draftOf(schedule)
  expect(draft.week.map((spans) => spans.length)).toEqual([2, 0, 0, 0, 0, 0, 1])
  expect(draft.week[0]?.[0]).toEqual({ from: '09:00', to: '11:00' })
  const [late, early, sunday] = schedule.periods
  expect(requestOf(draft)).toEqual({
    ...schedule,
    periods: [early, late, sunday],
    closed_dates: ['2021-10-01', '2021-10-02'],
  })
  expect(isSound(draft)).toBe(true)
})

test('times are read as people type them', () => {
  for (const [typed, tidy] of [
    ['9:5', '09:05'],
    ['930', '09:30'],
    ['1330', '13:30'],
    [' 09:30 ', '09:30'],
    ['９：３０', '09:30'],
    ['soon', 'soon'],
    ['', ''],
  ] as const) {
    expect(tidyTime(typed)).toBe(tidy)
  }
})

test('what is wrong is told by day', () => {
  const spans = (...pairs: [string, string][]) => pairs.map(([from, to]) => ({ from, to }))
  expect(faultOf([])).toBeUndefined()
  expect(faultOf(spans(['9:00', '24:00']))).toBeUndefined()
  expect(faultOf(spans(['9:00', '10:00'], ['10:00', '11:00']))).toBeUndefined()
  expect(faultOf(spans(['25:00', '26:00']))).toBe('badTime')
  expect(faultOf(spans(['', '10:00']))).toBe('badTime')
  expect(faultOf(spans(['10:00', '10:00']))).toBe('backwards')
  expect(faultOf(spans(['13:00', '15:00'], ['9:00', '13:01']))).toBe('overlap')
})

test('extra dates are judged each by itself', () => {
  const extra = (date: string, from: string, to: string) => ({ date, from, to })
  expect(extraFaultOf([extra('', '9:00', '10:00')])).toBe('needDate')
  expect(
    extraFaultOf([extra('2021-10-01', '9:00', '10:00'), extra('2021-10-02', '9:30', '10:00')]),
  ).toBeUndefined()
  const twice: Draft['extra_dates'] = [
    extra('2021-10-01', '9:00', '10:00'),
    extra('2021-10-01', '9:30', '11:00'),
  ]
  expect(extraFaultOf(twice)).toBe('overlap')
})
