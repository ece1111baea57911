import { expect, test } from 'vitest'

import { readScan } from './code'

const TOKEN = '83bae139a9bc445384f4fc7a2df6a047'

test.each([
  [TOKEN, TOKEN],
  [` ${TOKEN}\r\n`, TOKEN],
  [`\uFEFF{"id":207,"qrcode":"${TOKEN}"}\n`, `{"id":207,"qrcode":"${TOKEN}"}`],
  [TOKEN.toUpperCase(), TOKEN],
  [`{"ID":207,"QRCODE":"${TOKEN.toUpperCase()}"}`, `{"id":207,"qrcode":"${TOKEN}"}`],
  [`${TOKEN}\u001D`, TOKEN],
  [`\u0002{"id":207,"qrcode":"${TOKEN}"}\u0003`, `{"id":207,"qrcode":"${TOKEN}"}`],
  [`]Q1{"id":207,"qrcode":"${TOKEN}"}`, `{"id":207,"qrcode":"${TOKEN}"}`],
  [`\u0002]Q3\uFEFF${TOKEN}\u200B`, TOKEN],
  [`]Q1${TOKEN.toUpperCase()}`, TOKEN],
  [`｛“id”：207，“qrcode”：“${TOKEN}”｝`, `{"id":207,"qrcode":"${TOKEN}"}`],
  // Not ours: nothing is guessed.
  [`{"id":207, qrcode":"${TOKEN}"}`, `{"id":207, qrcode":"${TOKEN}"}`],
  ['HTTPS://EXAMPLE.COM/A', 'HTTPS://EXAMPLE.COM/A'],
  ['  ', ''],
])('%j is sent as %j', (scanned, sent) => {
  expect(readScan(scanned)).toBe(sent)
})

test('a flood is cut', () => {
  expect(readScan('x'.repeat(10_000))).toHaveLength(600)
})
