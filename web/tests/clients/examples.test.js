/** The examples of docs/clients.md run as they stand, and print what they say that they print. */
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'

import { describe, expect, test } from 'vitest'

import { useDemo } from './support/server'
import { createPhone } from './support/wx'

const page = readFileSync(new URL('../../../docs/clients.md', import.meta.url), 'utf8')
const ADDRESS = 'http://127.0.0.1:8080'
const AsyncFunction = (async () => {}).constructor

/** The chapter that each stands in, and its text. */
const examples = page.split(/^## /m).flatMap((chapter) => {
  const name = chapter.slice(0, chapter.indexOf('\n'))
  return [...chapter.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => ({ name, code }))
})

/** `console.log(…) // what it prints` */
const promised = (code) => [...code.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map(([, text]) => text)

describe('docs/clients.md', () => {
  const demo = useDemo()

  test('has an example for each product', () => {
    const products = examples.map(({ name }) => name.split(' ')[0])
    expect(products).toEqual(['Slots', 'Visitors', 'Homemaking', 'Members'])
  })

  test.each(examples)('$name', async ({ code }) => {
    expect(code).toContain(ADDRESS)
    const printed = []
    const log = (...values) => {
      printed.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '))
    }
    const { wx, phone } = createPhone({ see: () => {} })
    phone.address = { userName: '张三', telNumber: '020-81167888', detailInfo: '新港中路397号' }
    const run = new AsyncFunction('wx', 'console', code.replaceAll(ADDRESS, demo.url))
    await run(wx, { log })
    expect(promised(code).length).toBeGreaterThan(0)
    expect(printed).toEqual(promised(code))
  })
})
