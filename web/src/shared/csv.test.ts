import { expect, test } from 'vitest'

import { csvFile, everyRow, toCsv } from './csv'

test('cells are quoted and never computed', () => {
  const columns = [
    { title: '姓名', value: (row: [string, string | number]) => row[0] },
    { title: 'a "b"', value: (row: [string, string | number]) => row[1] },
  ]
  const csv = toCsv(columns, [
    ['张,三', 'say\nhi'],
    ['=1+1', -5],
    ['+86138', '-5'],
    ['＝1', '＠a'],
  ])
  expect(csv).toBe('姓名,"a ""b"""\r\n"张,三","say\nhi"\r\n\'=1+1,-5\r\n\'+86138,\'-5\r\n\'＝1,\'＠a\r\n')
})

test('every file has one mark, whoever made it', () => {
  expect(csvFile('a').size).toBe(4)
  expect(csvFile('\uFEFFa').size).toBe(4)
})

test('every page is read, and how far it is', async () => {
  const all = Array.from({ length: 230 }, (_, at) => at)
  const heard: number[] = []
  const load = async (page: number, size: number) => ({
    items: all.slice((page - 1) * size, page * size),
    total: all.length,
  })
  expect(await everyRow(load, (part) => heard.push(Math.round(part * 100)))).toEqual(all)
  expect(heard).toEqual([43, 87, 100])
  expect(await everyRow(async () => ({ items: [], total: 0 }))).toEqual([])
})
