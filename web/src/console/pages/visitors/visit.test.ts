import { expect, test } from 'vitest'

import { emptyFilter, guestsOf, queryOf, showPeriod, stateOf, type Visit, type VisitState } from './visit'

// 2021-10-01 08:00 to 10:00 in Shanghai.
const START = 1633046400
const END = 1633053600

const visit: Visit = {
  id: 1,
  subject_id: 11,
  subject_type: 1,
  name: '张三',
  phone: '13900000001',
  purpose: 2,
  remark: '',
  come_from: 'ZY',
  department: '',
  proposer: '13900000001',
  interviewee: '李四',
  interviewee_phone: '13811111111',
  start_time: START,
  end_time: END,
  group_ids: null,
  photo: '',
  is_auth: 0,
  refuse_reason: '',
  signin_time: 0,
  qrcode: '',
  qrcode_img_url: '',
  retinues: [{ subject_id: 12, name: '王某', phone: '13900000002', photo: '', qrcode: '{"id":1}' }],
}

test.each<[Partial<Visit>, VisitState, VisitState]>([
  [{}, 'waiting', 'lapsed'],
  [{ refuse_reason: '改天' }, 'refused', 'refused'],
  [{ is_auth: 1 }, 'authorised', 'missed'],
  [{ is_auth: 1, signin_time: START }, 'arrived', 'over'],
  [{ is_auth: 1, signin_time: '2021-10-01 08:00:00', end_time: '2021-10-01 10:00:00' }, 'arrived', 'over'],
])('%o is %s, and after its end %s', (changes, before, after) => {
  expect(stateOf({ ...visit, ...changes }, '2021-10-01 09:59:59')).toBe(before)
  expect(stateOf({ ...visit, ...changes }, '2021-10-01 10:00:00')).toBe(after)
})

test('the visitor stands before the companions', () => {
  expect(guestsOf(visit)).toEqual([
    { role: 'visitor', subjectId: 11, name: '张三', phone: '13900000001', pass: '' },
    { role: 'retinue', subjectId: 12, name: '王某', phone: '13900000002', pass: '{"id":1}' },
  ])
})

test('a period names its day once', () => {
  expect(showPeriod(START, END)).toBe('2021-10-01 08:00 - 10:00')
  expect(showPeriod(START, '2021-10-02 10:00:00')).toBe('2021-10-01 08:00 - 2021-10-02 10:00')
})

test('only what is given is asked for', () => {
  expect(queryOf(emptyFilter())).toEqual({})
  expect(queryOf({ ...emptyFilter(), name: ' 张 ', is_auth: '0', start_time: null })).toEqual({
    name: '张',
    is_auth: 0,
  })
})
