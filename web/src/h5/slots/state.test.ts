import { expect, test } from 'vitest'

import { stateOf } from './state'

test('what can still be cancelled is what is to come and not signed in', () => {
  const at = (datetime: string, signed_in = false) => stateOf({ datetime, signed_in }, '2021-10-01 10:00:00')
  expect(at('2021-10-01 10:00:01')).toBe('upcoming')
  expect(at('2021-10-01 10:00:00')).toBe('passed')
  expect(at('2021-10-02 09:00:00', true)).toBe('signedIn')
  expect(at('2021-09-30 09:00:00', true)).toBe('signedIn')
})
