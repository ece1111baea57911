import { expect, test } from 'vitest'

import { cleanCode, cleanMobile, cleanPhone, cleanTel } from './typed'

test.each([
  '13811111111',
  '138 1111 1111',
  ' 138-1111-1111\n',
  '+86 138 1111 1111',
  '8613811111111',
  '0086 (138) 1111.1111',
  '１３８　１１１１　１１１１',
  '\u202d138\u200b1111\ufeff1111\u202c',
  '138\u00a01111\u20141111',
])('%j is one mobile', (typed) => {
  expect(cleanMobile(typed)).toBe('13811111111')
})

test.each([
  ['+86 138 1111 1111', '+8613811111111'],
  ['+44 (20) 7946-0958', '+442079460958'],
  ['010-8888 0001', '01088880001'],
  ['138 1111 1111 2', '138111111112'],
  ['1381111111a', '1381111111a'],
  ['9'.repeat(40), '9'.repeat(40)],
  ['', ''],
])('%j is the phone %j: nothing is cut', (typed, phone) => {
  expect(cleanPhone(typed)).toBe(phone)
})

test('only the country code of a whole mobile is taken off', () => {
  expect(['861', '86138111111112', '8612811111111'].map(cleanMobile)).toEqual([
    '861',
    '86138111111112',
    '8612811111111',
  ])
})

test.each([
  ['123 456', '123456'],
  ['１２３４５６', '123456'],
  ['123-456\u200b', '123456'],
  ['1234567', '1234567'],
  ['12345x', '12345x'],
])('%j is the code %j', (typed, code) => {
  expect(cleanCode(typed)).toBe(code)
})

test('a telephone keeps its hyphens', () => {
  expect(['020-8116 7888', '０２０－８１１６７８８８', '(020) 81167888'].map(cleanTel)).toEqual([
    '020-81167888',
    '020-81167888',
    '02081167888',
  ])
})
