import { expect, test } from 'vitest'

import { ApiError } from '@/api/error'

import { refusalOf, Repeats } from './verdict'

test.each([
  [{ status: 200, code: -209 }, 'expired'],
  [{ status: 200, code: -210 }, 'early'],
  [{ status: 200, code: -211 }, 'foreign'],
  // A code to come: shut, in the server's words.
  [{ status: 200, code: -299 }, 'refused'],
  [{ status: 403, code: 403 }, 'refused'],
  [{ status: 0, code: 'offline' }, 'trouble'],
  [{ status: 0, code: 'timeout' }, 'trouble'],
  [{ status: 503, code: 503 }, 'trouble'],
  [{ status: 429, code: 429 }, 'trouble'],
])('%j shows as %s', (failure, reason) => {
  expect(refusalOf(new ApiError('words', failure))).toEqual({ passes: false, reason, words: 'words' })
})

test('whatever goes wrong, the gate stays shut', () => {
  expect(refusalOf(new TypeError('x'))).toEqual({ passes: false, reason: 'trouble', words: '' })
})

test('a code in view is read once, and again when it comes back', () => {
  const repeats = new Repeats(2_000)
  expect(repeats.isNew('a', 0)).toBe(true)
  for (let at = 100; at <= 10_000; at += 100) expect(repeats.isNew('a', at)).toBe(false)
  expect(repeats.isNew('b', 10_100)).toBe(true)
  expect(repeats.isNew('a', 10_200)).toBe(true)
  expect(repeats.isNew('a', 12_300)).toBe(true)
})
