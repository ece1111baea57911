import { readFile } from 'node:fs/promises'

import type { Page, Route } from '@playwright/test'

import { agree, expect, inspect, logIn, test } from './support'

/** Chooses the first time that is free, and says which. */
async function chooseTime(page: Page): Promise<string> {
  const free = page.getByRole('group', { name: '时间' }).locator('label:not(.off)').first()
  const time = await free.innerText()
  await free.click()
  return time
}

test('an appointment, from the free days to the calendar and back', async ({ page }) => {
  await page.goto('/h5/')
  await expect(page.getByRole('group', { name: '时间' })).toBeVisible()
  await inspect(page, 'book')
  const time = await chooseTime(page)
  await page.getByLabel('姓名').fill('张三')
  await page.getByLabel('手机号').fill('13811111111')
  await page.getByRole('button', { name: new RegExp(`^预约 .*${time}$`) }).click()
  await expect(page.getByRole('heading', { name: '预约成功' })).toBeVisible()
  await inspect(page, 'booked')

  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: '加入日历' }).click()
  const file = await download
  expect(file.suggestedFilename()).toMatch(/^appointment-\d+\.ics$/)
  const calendar = await readFile(await file.path(), 'utf8')
  expect(calendar).toMatch(/^BEGIN:VCALENDAR\r\n/)
  const [, hour, minute] = /DTSTART:\d{8}T(\d\d)(\d\d)00Z/.exec(calendar) ?? []
  const [, endHour, endMinute] = /DTEND:\d{8}T(\d\d)(\d\d)00Z/.exec(calendar) ?? []
  const minutes = (Number(endHour) - Number(hour)) * 60 + Number(endMinute) - Number(minute)
  expect((minutes + 24 * 60) % (24 * 60)).toBe(10)
  expect(`${String((Number(hour) + 8) % 24).padStart(2, '0')}:${minute}`).toBe(time)

  await page.getByRole('button', { name: '我的预约' }).click()
  const mine = page.getByRole('listitem').filter({ hasText: time })
  await expect(mine).toContainText('待到场')
  await inspect(page, 'appointments')
  await mine.getByRole('button', { name: '取消预约' }).click()
  await agree(page)
  await expect(page.getByText('还没有预约')).toBeVisible()
  await inspect(page, 'appointments-none')
})

test('what is wrong stands at its field, and the first is focused', async ({ page }) => {
  await page.goto('/h5/')
  await expect(page.getByRole('group', { name: '时间' })).toBeVisible()
  await page.getByLabel('手机号').fill('12345')
  await page.getByRole('button', { name: '预约', exact: true }).click()
  await expect(page.getByRole('group', { name: '时间' })).toContainText('请选择时间')
  await expect(page.getByLabel('姓名')).toHaveAccessibleDescription('请填写')
  await expect(page.getByLabel('手机号')).toHaveAccessibleDescription('请填写 11 位手机号')
  await expect(page.getByRole('group', { name: '时间' }).locator('input:enabled').first()).toBeFocused()
  await inspect(page, 'book-errors')
})

test('the keyboard is enough, and two presses book once', async ({ page }) => {
  await page.goto('/h5/')
  const times = page.getByRole('group', { name: '时间' }).locator('input:enabled')
  await times.first().focus()
  await page.keyboard.press('Space')
  await page.keyboard.press('Tab')
  await page.keyboard.type('李四')
  await page.keyboard.press('Tab')
  await page.keyboard.type('13822222222')
  const keys: (string | undefined)[] = []
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/make-appointment')) keys.push(request.headers()['idempotency-key'])
  })
  await page.keyboard.press('Enter')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: '预约成功' })).toBeVisible()
  expect(keys).toHaveLength(1)
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
})

test.describe('without a connection', () => {
  test.use({ allowed: ['ERR_INTERNET_DISCONNECTED'] })

  test('it is said, and nothing that was typed is lost', async ({ page, context }) => {
    await page.goto('/h5/')
    await chooseTime(page)
    await page.getByLabel('姓名').fill('王芳')
    await page.getByLabel('手机号').fill('13833333333')
    await context.setOffline(true)
    await expect(page.getByText('网络已断开')).toBeVisible()
    await page.getByRole('button', { name: /^预约 / }).click()
    await expect(page.getByText('网络不通')).toBeVisible()
    await inspect(page, 'book-offline')
    await context.setOffline(false)
    await expect(page.getByText('网络已断开')).toBeHidden()
    await expect(page.getByLabel('姓名')).toHaveValue('王芳')
    await page.getByRole('button', { name: /^预约 / }).click()
    await expect(page.getByRole('heading', { name: '预约成功' })).toBeVisible()
  })

  test('a page that was not loaded yet opens when it is back', async ({ page, context }) => {
    await page.goto('/h5/')
    await expect(page.getByRole('group', { name: '时间' })).toBeVisible()
    await context.setOffline(true)
    await page.getByRole('link', { name: '我的', exact: true }).click()
    await expect(page.getByText('网络已断开')).toBeVisible()
    await expect(page.getByRole('group', { name: '时间' })).toBeVisible()
    await context.setOffline(false)
    await expect(page).toHaveURL(/\/h5\/me$/)
    await expect(page.getByRole('button', { name: '登录' })).toBeVisible()
  })

  test('a list that could not be loaded comes by itself when it is back', async ({ page, context }) => {
    await page.goto('/h5/')
    await page.getByRole('link', { name: '我的预约' }).hover()
    await page.route('**/v1/appointment/list', (route) => route.abort('internetdisconnected'))
    await page.getByRole('link', { name: '我的预约' }).click()
    await expect(page.getByRole('button', { name: '重试' })).toBeVisible()
    await page.unroute('**/v1/appointment/list')
    await context.setOffline(true)
    await context.setOffline(false)
    await expect(page.getByText('还没有预约')).toBeVisible()
  })
})

test('a slot that somebody else took is said, and the rest stays', async ({ page }) => {
  await page.goto('/h5/')
  const time = await chooseTime(page)
  await page.getByLabel('姓名').fill('张三')
  await page.getByLabel('手机号').fill('13811111111')
  const overtake = async (route: Route) => {
    const body = { ...(route.request().postDataJSON() as object), open_id: 'other' }
    await page.request.post('/v1/make-appointment', { data: body })
    await route.continue()
  }
  await page.route('**/v1/make-appointment', overtake, { times: 1 })
  await page.getByRole('button', { name: /^预约 / }).click()
  await expect(page.getByRole('alert')).toBeVisible()
  const taken = page.getByRole('group', { name: '时间' }).getByRole('radio', { name: time })
  await expect(taken).toBeDisabled()
  await expect(page.getByLabel('姓名')).toHaveValue('张三')
  await chooseTime(page)
  await expect(page.getByRole('alert')).toBeHidden()
  await page.getByRole('button', { name: /^预约 / }).click()
  await expect(page.getByRole('heading', { name: '预约成功' })).toBeVisible()
})

test('English by a switch, which is remembered', async ({ page }) => {
  await page.goto('/h5/')
  await page.getByRole('button', { name: 'English' }).click()
  await expect(page.getByRole('heading', { name: 'Book a time' })).toBeVisible()
  await expect(page.locator('html')).toHaveAttribute('lang', 'en')
  await page.reload()
  await expect(page.getByRole('heading', { name: 'Book a time' })).toBeVisible()
  await expect(page.getByRole('group', { name: 'Time' })).toBeVisible()
  await inspect(page, 'book-english')
})

test('where callers must prove who they are, members book as themselves', async ({ page }) => {
  await page.route('**/auth/session', (route) =>
    route.fulfill({ json: { mode: 'enforced', weixinUserId: '' } }),
  )
  await page.goto('/h5/')
  await expect(page).toHaveURL(/\/h5\/login\?next=\/$/)
  await logIn(page, '13900001111')
  await expect(page).toHaveURL(/\/h5\/$/)
  await chooseTime(page)
  await page.getByLabel('姓名').fill('张三')
  await page.getByLabel('手机号').fill('13900001111')
  const sent = page.waitForRequest('**/v1/make-appointment')
  await page.getByRole('button', { name: /^预约 / }).click()
  const request = await sent
  expect(request.postDataJSON()).toMatchObject({ open_id: expect.stringMatching(/^m\d+$/) })
  expect(request.headers()['authorization']).toMatch(/^Bearer ./)
  await expect(page.getByRole('heading', { name: '预约成功' })).toBeVisible()
})

test('the first load weighs at most 250 KB', async ({ page }) => {
  let bytes = 0
  const counted: Promise<void>[] = []
  page.on('requestfinished', (request) => {
    if (!['script', 'stylesheet'].includes(request.resourceType())) return
    counted.push(request.sizes().then(({ responseBodySize }) => void (bytes += responseBodySize)))
  })
  await page.goto('/h5/', { waitUntil: 'networkidle' })
  await expect(page.getByRole('group', { name: '时间' })).toBeVisible()
  await Promise.all(counted)
  expect(bytes).toBeGreaterThan(10_000)
  expect(bytes, 'script and style, compressed').toBeLessThanOrEqual(250 * 1_024)
})
