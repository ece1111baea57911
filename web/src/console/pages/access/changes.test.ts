import { expect, test } from 'vitest'

import { changesOf, summaryOf } from './changes'

test('what differs stands first, and what was not there is nothing', () => {
  expect(
    changesOf({ name: '李', role: 'admin', old: 1 }, { name: '李', role: 'auditor', more: [1] }),
  ).toEqual([
    { field: 'role', before: 'admin', after: 'auditor', differs: true },
    { field: 'old', before: '1', after: undefined, differs: true },
    { field: 'more', before: undefined, after: '[\n 1\n]', differs: true },
    { field: 'name', before: '李', after: '李', differs: false },
  ])
  expect(changesOf(null, { a: false })).toEqual([
    { field: 'a', before: undefined, after: 'false', differs: true },
  ])
  expect(changesOf(undefined, null)).toEqual([])
})

test('a line tells what differs', () => {
  expect(summaryOf({ status: 'booked', name: '李' }, { status: 'cancelled', name: '李' })).toBe(
    'status: booked → cancelled',
  )
  expect(summaryOf(null, { name: '李', role: 'admin' })).toBe('name: 李, role: admin')
  expect(summaryOf({}, null)).toBe('')
})
