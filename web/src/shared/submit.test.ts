import { expect, test } from 'vitest'
import { ref } from 'vue'

import { ApiError } from '@/api/error'

import { useLoad, useSubmit } from './submit'

const offline = new ApiError('offline', { status: 0, code: 'offline' })

test('pressed twice, it is done once', async () => {
  const keys: string[] = []
  let finish: () => void = () => undefined
  const { submit, busy } = useSubmit(async (key) => {
    keys.push(key)
    await new Promise<void>((resolve) => (finish = resolve))
    return 'done'
  })
  const first = submit()
  expect(busy.value).toBe(true)
  expect(await submit()).toBeUndefined()
  finish()
  expect(await first).toBe('done')
  expect(keys).toHaveLength(1)
  expect(busy.value).toBe(false)
})

test('the key stays while nobody knows whether it was done, and no longer', async () => {
  const keys: string[] = []
  const answers: (ApiError | undefined)[] = [
    offline,
    new ApiError('broken', { status: 502, code: 502 }),
    new ApiError('name: wrong', { status: 400, code: 400, field: 'name' }),
    undefined,
    undefined,
  ]
  const { submit } = useSubmit(async (key) => {
    keys.push(key)
    const answer = answers.shift()
    if (answer) throw answer
  })
  for (let press = 0; press < 5; press += 1) await submit()
  const [one, two, three, four, five] = keys
  expect([two, three]).toEqual([one, one])
  expect(new Set([one, four, five]).size).toBe(3)
})

test('another content gets another key', async () => {
  const keys: string[] = []
  const name = ref('张三')
  const { submit } = useSubmit(
    async (key) => {
      keys.push(key)
      throw offline
    },
    () => name.value,
  )
  await submit()
  await submit()
  name.value = '李四'
  await submit()
  expect(keys[0]).toBe(keys[1])
  expect(keys[2]).not.toBe(keys[0])
})

test('an error stands at its field, or beside the form', async () => {
  let error = new ApiError('应为 11 位手机号', { status: 200, code: 1001, field: 'phone_num' })
  const { submit, errorOf, errorBeside } = useSubmit(async () => {
    throw error
  })
  await submit()
  expect([errorOf('phone_num'), errorOf('phone'), errorBeside('phone_num')]).toEqual([
    '应为 11 位手机号',
    '',
    '',
  ])
  expect(errorBeside('name')).toBe('应为 11 位手机号')
  error = new ApiError('wrong', { status: 400, code: 400, field: 'periods[0].from' })
  await submit()
  expect(errorOf('periods')).toBe('wrong')
  expect(errorOf('period')).toBe('')
})

test('of two loads the later one wins', async () => {
  const waiting = new Map<number, (value: string) => void>()
  const { data, loading, reload } = useLoad(
    (page: number) => new Promise<string>((resolve) => waiting.set(page, resolve)),
  )
  const both = [reload(1), reload(2)]
  waiting.get(2)?.('second')
  waiting.get(1)?.('first')
  await Promise.all(both)
  expect([data.value, loading.value]).toEqual(['second', false])
})
