import { expect, test } from 'vitest'

import { canDecide, stateOf, type Standing } from './state'

const now = '2021-10-01 10:00:00'
const visit: Standing = { is_auth: 0, refuse_reason: '', end_time: '2021-10-01 12:00:00', signin_time: 0 }

test('a visit is one thing at a time', () => {
  const past = { end_time: '2021-10-01 10:00:00' }
  const cases: [Partial<Standing>, string][] = [
    [{}, 'waiting'],
    [{ is_auth: 1 }, 'authorised'],
    [{ is_auth: 1, signin_time: 1_633_050_000 }, 'inside'],
    [{ is_auth: 1, signin_time: '2021-10-01 09:00:00', ...past }, 'over'],
    [{ is_auth: 1, ...past }, 'missed'],
    [past, 'missed'],
    [{ refuse_reason: '不在' }, 'refused'],
    [{ refuse_reason: '不在', ...past }, 'refused'],
    [{ end_time: 1_633_053_600 }, 'missed'],
    [{ end_time: 1_633_053_601 }, 'waiting'],
  ]
  for (const [change, state] of cases)
    expect(stateOf({ ...visit, ...change }, now), JSON.stringify(change)).toBe(state)
})

test('what waits is decided, and nothing else', () => {
  expect(canDecide(visit, now)).toBe(true)
  expect(canDecide({ ...visit, is_auth: 1 }, now)).toBe(false)
  expect(canDecide({ ...visit, refuse_reason: '不在' }, now)).toBe(false)
  expect(canDecide({ ...visit, end_time: now }, now)).toBe(false)
})
