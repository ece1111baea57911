import { expect, test } from 'vitest'

import { isPrice, isTel } from './rules'

test('prices', () => {
  for (const good of ['0.01', '300', '300.5', ' 1000000.00 ']) expect(isPrice(good), good).toBe(true)
  for (const bad of ['', '0', '0.00', '-1', '1.234', '1000000.01', '1e3', '.5', '5.', '１']) {
    expect(isPrice(bad), bad).toBe(false)
  }
})

test('telephone numbers', () => {
  for (const good of ['10086', '020-81167888', '+86-138-0000-0000']) expect(isTel(good), good).toBe(true)
  for (const bad of ['', '1234', '-----', '123456789012345678901', '12 3456'])
    expect(isTel(bad), bad).toBe(false)
})
