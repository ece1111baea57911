import { expect, test } from 'vitest'

import { regions } from './regions'

test('every city is in a province, and Hong Kong, Macau and Taiwan have none', () => {
  expect(regions.provinces).toHaveLength(34)
  const codes = new Set(regions.provinces.map(({ code }) => code))
  expect([...regions.cities.keys()].filter((code) => !codes.has(code))).toEqual([])
  expect(regions.cities.get(440_000)?.find(({ name }) => name === '广州市')?.code).toBe(440_100)
  expect([710_000, 810_000, 820_000].map((code) => regions.cities.get(code))).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})
