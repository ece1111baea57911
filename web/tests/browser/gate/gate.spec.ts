import type { Page } from '@playwright/test'

import { book, expect, freshPhone, scan, signIn, test } from '../support/desk'
import { call, expectAccessible, expectNoOverflow, shoot } from '../support/test'

/** Opens the gate, ready to scan. */
async function open(page: Page): Promise<void> {
  await page.goto('/gate/')
  await expect(page.getByRole('heading', { name: '请出示二维码' })).toBeVisible()
}

const UNKNOWN = '{"id":1,"qrcode":"00000000000000000000000000000000"}'

/** Counts the tones that are started, by their pitch. */
async function listen(page: Page): Promise<() => Promise<number[]>> {
  await page.addInitScript(() => {
    const pitches: number[] = []
    Object.assign(window, { pitches })
    const start = OscillatorNode.prototype.start
    OscillatorNode.prototype.start = function (...args) {
      pitches.push(this.frequency.value)
      start.apply(this, args)
    }
  })
  return () => page.evaluate(() => (window as unknown as { pitches: number[] }).pitches)
}

for (const viewport of [
  { width: 390, height: 844 },
  { width: 1440, height: 900 },
  { width: 1080, height: 1920 },
]) {
  test.describe(`${viewport.width} px wide`, () => {
    test.use({ viewport })

    test('green for a pass, red for what is none, and ready again', async ({ page, request, demo }) => {
      await page.clock.install()
      const pitches = await listen(page)
      const phone = freshPhone()
      await book(request, demo, { name: '张三', phone })
      const code = await signIn(request, demo, phone)
      await open(page)
      await expectAccessible(page)
      await expectNoOverflow(page)
      await shoot(page, 'gate-ready')

      await scan(page, code)
      await expect(page.getByText('请通行')).toBeVisible()
      const verdict = page.locator('.verdict')
      expect(await verdict.evaluate((node) => getComputedStyle(node).backgroundColor)).toBe(
        'rgb(10, 107, 50)',
      )
      expect(await verdict.boundingBox()).toEqual({ x: 0, y: 0, ...viewport })
      await expectAccessible(page)
      await expectNoOverflow(page)
      await shoot(page, 'gate-pass')
      const passing = await pitches()
      await page.clock.runFor(3_100)
      await expect(verdict).toHaveCount(0)

      await scan(page, UNKNOWN)
      await expect(page.getByText('不能通行')).toBeVisible()
      await expect(page.getByText('不是有效的通行码')).toBeVisible()
      expect(await verdict.evaluate((node) => getComputedStyle(node).backgroundColor)).toBe(
        'rgb(168, 32, 26)',
      )
      await expectAccessible(page)
      await expectNoOverflow(page)
      await shoot(page, 'gate-refuse')
      const refusing = (await pitches()).slice(passing.length)
      expect(passing.length).toBeGreaterThan(0)
      expect(refusing.length).toBeGreaterThan(0)
      expect(Math.min(...passing), 'they sound different').toBeGreaterThan(Math.max(...refusing))
      await page.clock.runFor(6_100)
      await expect(page.getByRole('heading', { name: '请出示二维码' })).toBeVisible()
    })
  })
}

test('before, after and foreign: each is refused with its reason', async ({ page, request, demo }) => {
  await open(page)
  const refused = async (code: string, reason: string) => {
    await scan(page, code)
    await expect(page.getByText(reason)).toBeVisible()
    await expect(page.getByText('不能通行')).toBeVisible()
  }

  const early = freshPhone()
  await book(request, demo, { name: '早到', phone: early }, { from: 3_600, until: 7_200 })
  await refused(await signIn(request, demo, early), '还没到通行时间')

  const deleted = freshPhone()
  const id = await book(request, demo, { name: '取消', phone: deleted })
  const code = await signIn(request, demo, deleted)
  await call(request, demo, 'DELETE', `/v1/visit/records/${id}`)
  await refused(code, '通行码已过期')

  await refused('https://example.com/menu?table=12', '不是有效的通行码')

  // The token of one visit with the number of another is nobody's.
  const one = freshPhone()
  await book(request, demo, { name: '赵一', phone: one })
  const own = await signIn(request, demo, one)
  await refused(
    own.replace(/"id":\s*(\d+)/, (_, number: string) => `"id":${Number(number) + 1}`),
    '不是有效的通行码',
  )
  // A reader behind Caps Lock, and one that reads the token alone.
  await scan(page, own.toUpperCase())
  await expect(page.getByText('请通行')).toBeVisible()
  await scan(page, /[0-9a-f]{32}/.exec(own)?.[0] ?? '')
  await expect(page.getByText('请通行')).toBeVisible()
})

test('a pass ends with its visit', async ({ page, request, demo }) => {
  const phone = freshPhone()
  await book(request, demo, { name: '短访', phone }, { until: 6 })
  const code = await signIn(request, demo, phone)
  await open(page)
  await scan(page, code)
  await expect(page.getByText('请通行')).toBeVisible()
  await expect(async () => {
    await scan(page, code)
    await expect(page.getByText('通行码已过期')).toBeVisible({ timeout: 1_000 })
  }).toPass({ intervals: [2_100], timeout: 20_000 })
})

test('a code scanned twice in a moment is checked once', async ({ page }) => {
  const sent: string[] = []
  page.on('request', (asked) => {
    if (asked.url().endsWith('/v1/visit/qrcode') && asked.postData() !== '{}') sent.push(asked.url())
  })
  await open(page)
  await scan(page, UNKNOWN)
  await scan(page, UNKNOWN)
  await expect(page.getByText('不能通行')).toBeVisible()
  expect(sent).toHaveLength(1)
})

test('the answer to an earlier code is not shown for a later one', async ({ page, request, demo }) => {
  const phone = freshPhone()
  await book(request, demo, { name: '慢', phone })
  const code = await signIn(request, demo, phone)
  await page.route('**/v1/visit/qrcode', async (route) => {
    if (route.request().postData()?.includes('0000000') === false) {
      await new Promise((resolve) => setTimeout(resolve, 800))
    }
    await route.continue()
  })
  await open(page)
  await scan(page, code)
  await scan(page, UNKNOWN)
  await expect(page.getByText('不能通行')).toBeVisible()
  await page.waitForTimeout(1_200)
  await expect(page.getByText('请通行')).toHaveCount(0)
})

test('English by a switch', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: 'English' }).click()
  await expect(page.getByRole('heading', { name: 'Show your code' })).toBeVisible()
  await scan(page, UNKNOWN)
  await expect(page.getByText('Do not pass')).toBeVisible()
  await expectAccessible(page)
  await shoot(page, 'gate-english')
})

test.describe('without an answer', () => {
  test.use({ allowed: ['net::ERR_', '503'] })

  test('the gate stays shut, says why, and goes on by itself', async ({ page, context, request, demo }) => {
    const phone = freshPhone()
    await book(request, demo, { name: '断网', phone })
    const code = await signIn(request, demo, phone)
    await open(page)
    await context.setOffline(true)
    await expect(page.getByRole('alert').filter({ hasText: '连不上服务器' })).toBeVisible()
    await expectAccessible(page)
    await shoot(page, 'gate-offline')
    await scan(page, code)
    await expect(page.getByText('不能通行')).toBeVisible()
    await expect(page.getByText('暂时无法验证', { exact: true })).toBeVisible()
    await shoot(page, 'gate-trouble')
    await context.setOffline(false)
    await expect(page.getByRole('alert').filter({ hasText: '连不上服务器' })).toHaveCount(0)
    await page.waitForTimeout(2_100)
    await scan(page, code)
    await expect(page.getByText('请通行')).toBeVisible()
  })

  test('a server that fails is not a pass', async ({ page }) => {
    await page.route('**/v1/visit/qrcode', (route) =>
      route.request().postData() === '{}' ? route.continue() : route.fulfill({ status: 503, body: 'down' }),
    )
    await open(page)
    await scan(page, UNKNOWN)
    await expect(page.getByText('暂时无法验证', { exact: true })).toBeVisible()
  })
})
