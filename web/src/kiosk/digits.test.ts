import { expect, test } from 'vitest'

import { cleanNumber, cleanPhone, isNumber, isPhone, maskPhone, showPhone } from './digits'

test.each([
  ['138 1111 1111', '13811111111', '138 1111 1111'],
  ['138', '138', '138'],
  ['1381', '1381', '138 1'],
  ['1', '1', '1'],
  ['+86 138 1111', '+861381111', '+861381111'],
  ['12345678', '12345678', '12345678'],
  ['+1+2a3', '+123', '+123'],
  ['9'.repeat(30), '9'.repeat(30), '9'.repeat(30)],
  ['１３８－１１１１－１１１１', '13811111111', '138 1111 1111'],
  ['', '', ''],
])('%j is %j, shown as %j', (typed, phone, shown) => {
  expect(cleanPhone(typed)).toBe(phone)
  expect(showPhone(phone)).toBe(shown)
  expect(cleanPhone(shown)).toBe(phone)
})

test('a phone has 5 to 20 digits', () => {
  expect(['', '+', '1234', '+1234', '9'.repeat(21)].some(isPhone)).toBe(false)
  expect(['12345', '+12345', '9'.repeat(20)].every(isPhone)).toBe(true)
})

test.each([
  ['13811111111', '138****1111'],
  ['12345678', '123*5678'],
  ['12345', '1***5'],
  ['', ''],
])('%j is masked as %j', (phone, masked) => {
  expect(maskPhone(phone)).toBe(masked)
})

test('an appointment’s number is a number', () => {
  expect(['12', ' 0012', 'No. 7', '', '9'.repeat(20)].map(cleanNumber)).toEqual([
    '12',
    '12',
    '7',
    '',
    '9'.repeat(20),
  ])
  expect(['', '9'.repeat(16)].some(isNumber)).toBe(false)
  expect(['1', '9'.repeat(15)].every(isNumber)).toBe(true)
})
