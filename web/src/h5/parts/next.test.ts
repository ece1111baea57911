import { expect, test } from 'vitest'

import { ownPath } from './next'

test('a link made up by somebody leads nowhere else', () => {
  expect(ownPath('/market/orders?role=2', '/me')).toBe('/market/orders?role=2')
  for (const other of ['//evil.test', '/\\evil.test', 'https://evil.test', '', undefined, ['/me']]) {
    expect(ownPath(other, '/me')).toBe('/me')
  }
})
