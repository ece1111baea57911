import { expect, test } from 'vitest'

import { fromInput, toInput } from './moment'

test('the input shows the server clock, wherever the browser stands', () => {
  expect(toInput('2021-12-31 22:47:10', 1)).toBe('2021-12-31T23:00')
  expect(toInput('2021-12-31 22:47:10', 3)).toBe('2022-01-01T01:00')
})

test('what was chosen goes to the wire as it stands', () => {
  expect(fromInput('2021-10-01T10:20')).toBe('2021-10-01 10:20:00')
  expect(fromInput('2021-10-01T10:20:30')).toBe('2021-10-01 10:20:00')
  expect(fromInput('')).toBe('')
})
