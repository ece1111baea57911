import { expect, test } from 'vitest'

import { CONSUMER, isRefundOpen, orderActions, PUBLISHER, refundActions, serviceActions } from './states'

const states = (last: number) => Array.from({ length: last + 1 }, (_, at) => at)

test('every state of an order, seen from both sides', () => {
  expect(states(6).map((status) => orderActions(status, PUBLISHER))).toEqual([
    ['agree', 'reject'],
    [],
    [],
    [],
    [],
    [],
    [],
  ])
  expect(states(6).map((status) => orderActions(status, CONSUMER))).toEqual([
    ['cancel'],
    ['pay', 'cancel'],
    ['confirm', 'refund'],
    ['rate'],
    [],
    [],
    [],
  ])
})

test('an open refund holds the order', () => {
  expect(orderActions(2, CONSUMER, true)).toEqual([])
  expect(states(5).filter(isRefundOpen)).toEqual([0, 1, 2])
})

test('every state of a refund, seen from both sides', () => {
  expect(states(5).map((status) => refundActions(status, PUBLISHER))).toEqual([
    ['agree', 'reject'],
    [],
    [],
    [],
    [],
    [],
  ])
  expect(states(5).map((status) => refundActions(status, CONSUMER))).toEqual([
    ['cancel'],
    [],
    ['confirm'],
    [],
    [],
    [],
  ])
})

test('a service that is taken down or cancelled is left alone', () => {
  expect(states(5).map(serviceActions)).toEqual([
    ['edit', 'cancel'],
    ['publish', 'edit', 'cancel'],
    ['pause', 'edit', 'cancel'],
    [],
    [],
    ['edit', 'cancel'],
  ])
})
