import { expect, test } from 'vitest'

import { scanResult } from './scan'

test('every answer of a gate has words', () => {
  expect(scanResult(0)).toEqual({ words: '放行', type: 'success' })
  expect([-209, -210, -211, -999].map((code) => scanResult(code).words)).toEqual([
    '通行权限已过期',
    '未到通行时间',
    '不是有效的通行码',
    '代码 -999',
  ])
  expect(scanResult(-209).type).toBe('danger')
})
