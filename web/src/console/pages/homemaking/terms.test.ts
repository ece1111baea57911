import { expect, test } from 'vitest'

import {
  addressText,
  appealWords,
  fen,
  personName,
  stateColour,
  statesOf,
  stateWords,
  stepWords,
} from './terms'

test('every status has words and a colour', () => {
  for (const machine of ['service', 'order', 'refund', 'rating'] as const) {
    expect(new Set(statesOf(machine)).size).toBe({ service: 6, order: 7, refund: 6, rating: 3 }[machine])
    for (const status of statesOf(machine).keys()) expect(stateColour(machine, status)).not.toBe(undefined)
  }
  expect(stateWords('order', 5)).toBe('已取消')
  expect(stateWords('order', 9)).toBe('9')
})

test('people are called by what is known of them', () => {
  expect(personName({ id: 1, nickname: '小王', real_name: '王芳' })).toBe('王芳')
  expect(personName({ id: 1, nickname: '小王', real_name: null })).toBe('小王')
  expect(personName({ id: 1, nickname: '', real_name: '' })).toBe('用户 1')
})

test('an address is read as WeChat gives it', () => {
  const given = {
    errMsg: 'chooseAddress:ok',
    userName: '张三',
    telNumber: '020-81167888',
    provinceName: '广东省',
    cityName: '广州市',
    countyName: '海珠区',
    detailInfo: '新港中路397号',
  }
  expect(addressText(given)).toBe('张三 020-81167888\n广东省 广州市 海珠区 新港中路397号')
  expect(addressText({ street: 'x' })).toBe('{"street":"x"}')
  expect(addressText(null)).toBe('')
})

test('money is exact', () => {
  expect(fen('300.10') - fen('0.20')).toBe(29990)
  expect(fen('-1.05')).toBe(-105)
  expect(fen('1')).toBeNaN()
})

test('a step is of the order or of a refund', () => {
  expect(stepWords({ action: 'agree', refund_id: null })).toBe('同意预约')
  expect(stepWords({ action: 'agree', refund_id: 3 })).toBe('同意退款')
  expect(stepWords({ action: 'new_one' })).toBe('new_one')
})

test('an appeal waits until it is decided', () => {
  const appeal = { reason: '没有来', create_time: '2021-03-07 14:32:20' }
  expect([undefined, null].map(appealWords)).toEqual(['', ''])
  expect(appealWords(appeal)).toBe('待裁决')
  expect(appealWords({ ...appeal, decision: 'agree' })).toBe('申诉成立')
  expect(appealWords({ ...appeal, decision: 'reject' })).toBe('申诉驳回')
})
