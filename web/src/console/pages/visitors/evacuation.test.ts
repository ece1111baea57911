import { expect, test } from 'vitest'

import { grouped, keyOf, type OnSite } from './evacuation'

function person(
  id: number,
  name: string,
  department: string,
  role: 'visitor' | 'retinue' = 'visitor',
): OnSite {
  return {
    id,
    role,
    name,
    phone: '13900000001',
    come_from: '',
    purpose: 0,
    interviewee: '李四',
    interviewee_phone: '13811111111',
    department,
    start_time: 0,
    end_time: 0,
    signin_time: 0,
    overdue: false,
  }
}

test('people stand by department, and those who came together side by side', () => {
  const list = [
    person(3, '甲', ''),
    person(2, '乙', '法务部', 'retinue'),
    person(1, '丙', '市场部'),
    person(2, '丁', '法务部'),
    person(1, '戊', '法务部'),
  ]
  const names = grouped(list).map(({ department, people }) => [department, ...people.map(({ name }) => name)])
  expect(names).toEqual([
    ['法务部', '戊', '丁', '乙'],
    ['市场部', '丙'],
    ['', '甲'],
  ])
  expect(grouped([])).toEqual([])
})

test('two people of one visit have two keys', () => {
  expect(keyOf(person(1, '甲', ''))).not.toBe(keyOf(person(1, '甲', '', 'retinue')))
})
