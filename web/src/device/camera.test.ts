import { expect, test } from 'vitest'

import { faultOf } from './camera'

test.each([
  ['NotAllowedError', 'refused'],
  ['SecurityError', 'refused'],
  ['NotFoundError', 'missing'],
  ['OverconstrainedError', 'missing'],
  ['NotReadableError', 'busy'],
  ['AbortError', 'busy'],
  ['SomethingElse', 'failed'],
])('%s is %s', (name, fault) => {
  expect(faultOf(new DOMException('', name))).toBe(fault)
})

test('whatever else goes wrong has words, too', () => {
  expect(faultOf(new Error('x'))).toBe('failed')
  expect(faultOf(undefined)).toBe('failed')
})
