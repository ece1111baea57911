import { expect, test } from 'vitest'

import { fieldOf, FIELDS, missing, noTemplates } from './template'

test('there are fourteen settings, eight of which are needed', () => {
  expect(FIELDS.length).toBe(14)
  expect(Object.keys(noTemplates()).length).toBe(14)
  expect(missing(noTemplates()).length).toBe(8)
})

test('what is filled in is not missing, and receipts never are', () => {
  const all = Object.fromEntries(FIELDS.map(({ field }) => [field, 'SMS_1'])) as ReturnType<
    typeof noTemplates
  >
  expect(missing(all)).toEqual([])
  expect(missing({ ...all, signin_to_visitor_sms_id: ' ' })).toEqual(['signin_to_visitor_sms_id'])
  expect(missing({ ...all, apply_receipt_to_visitor_sms_id: '' })).toEqual([])
  expect(fieldOf('signin_to_visitor', 'wechat')).toBe('signin_to_visitor_wechat_id')
})
