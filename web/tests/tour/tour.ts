import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import type { BrowserContext, Page } from '@playwright/test'

import { logIn } from '../browser/h5/support'
import { inMinutes, scan, test } from '../browser/support/desk'
import { call, expect, signInStaff } from '../browser/support/test'
import { CONSUMER, fillAppointments, fillMarket, fillVisits } from './filling'

const FOLDER = fileURLToPath(new URL('../../../docs/tour/', import.meta.url))
const MOST_BYTES = 200 * 1024
const VISITOR = '13988880001'

let waiting: number[] = []
let market = { order: 0, refund: 0 }

test.beforeAll(async ({ demo, playwright, browser }) => {
  const request = await playwright.request.newContext()
  waiting = await fillAppointments(request, demo)
  await fillVisits(request, demo)
  market = await fillMarket(request, demo, browser)
  await request.dispose()
})

async function take(page: Page, name: string): Promise<void> {
  await expect(
    page.locator('.van-toast:visible, .van-loading:visible, .el-loading-mask:visible'),
  ).toHaveCount(0)
  const path = `${FOLDER}${name}.png`
  await page.screenshot({ path, animations: 'disabled', caret: 'hide' })
  expect((await stat(path)).size, `${name} is small enough for a repository`).toBeLessThan(MOST_BYTES)
}

/** Somebody with a device of their own. */
async function person(
  page: Page,
  viewport: { width: number; height: number },
  deviceScaleFactor = 1,
): Promise<[Page, BrowserContext]> {
  const browser = page.context().browser()
  if (browser === null) throw new Error('no browser')
  const context = await browser.newContext({
    viewport,
    deviceScaleFactor,
    locale: 'zh-CN',
    timezoneId: 'Asia/Shanghai',
  })
  return [await context.newPage(), context]
}

const PHONE = { width: 390, height: 760 }

test('the phone', async ({ page, demo }) => {
  await page.setViewportSize(PHONE)
  await page.goto('/h5/')
  const times = page.getByRole('group', { name: '时间' })
  await times.locator('label:not(.off)').first().click()
  await page.getByLabel('姓名').fill('张三')
  await page.getByLabel('手机号').fill(VISITOR)
  await page.evaluate(() => scrollTo(0, 0))
  await take(page, 'h5-book')
  await page.getByRole('button', { name: /^预约 .*\d$/ }).click()
  await expect(page.getByRole('heading', { name: '预约成功' })).toBeVisible()

  await page.goto('/h5/visitors')
  await page.getByLabel('手机号码').fill(VISITOR)
  await page.getByRole('button', { name: '绑定身份' }).click()
  await page.getByRole('link', { name: '申请来访' }).click()
  await page.getByLabel('访客姓名').fill('张三')
  await page.getByLabel('访客单位').fill('宏图科技')
  await page.getByLabel('被访人姓名').fill('李四')
  await page.getByLabel('被访人手机号码').fill('13811111111')
  await page.evaluate(() => scrollTo(0, 0))
  await take(page, 'h5-apply')
  // Under way already, so that the desk lets them in at any time of the day.
  await page.getByLabel('来访时间').fill(inMinutes(-10))
  await page.getByLabel('离开时间').fill(inMinutes(120))
  await page.getByRole('button', { name: '添加随行人员' }).click()
  const companion = page.getByRole('group', { name: '随行人员 1' })
  await companion.getByLabel('姓名').fill('王某')
  await companion.getByLabel('手机号码').fill('13988880002')
  await page.getByRole('button', { name: '提交申请' }).click()
  await expect(page.getByText('待审批')).toBeVisible()

  const [host, hosts] = await person(page, PHONE)
  await host.goto(`${demo.url}/h5/visitors`)
  await host.getByRole('radio', { name: '员工' }).check()
  await host.getByLabel('姓名').fill('李四')
  await host.getByLabel('手机号码').fill('13811111111')
  await host.getByRole('button', { name: '绑定身份' }).click()
  await host.getByRole('link', { name: '待我审批' }).click()
  const waiting = host.getByRole('listitem').filter({ hasText: '张三' })
  await expect(waiting).toBeVisible()
  await take(host, 'h5-approve')
  await waiting.getByRole('button', { name: '同意' }).click()
  await expect(waiting).toContainText('已通过')
  await hosts.close()

  await kioskAndGate(page, demo.url)

  await page.reload()
  await page.getByRole('button', { name: '通行二维码' }).click()
  await expect(page.getByRole('img', { name: '二维码：张三的通行码' })).toBeVisible()
  await take(page, 'h5-pass')
})

async function kioskAndGate(page: Page, url: string): Promise<void> {
  const [kiosk, kiosks] = await person(page, { width: 1080, height: 1920 }, 0.5)
  await kiosk.goto(`${url}/kiosk/`)
  await take(kiosk, 'kiosk-start')
  await kiosk.getByRole('button', { name: /访客签到/ }).click()
  for (const digit of VISITOR) await kiosk.getByRole('button', { name: digit, exact: true }).click()
  await take(kiosk, 'kiosk-sign-in')
  const answered = kiosk.waitForResponse('**/v1/visit/signin')
  await kiosk.getByRole('button', { name: '签到', exact: true }).click()
  await expect(kiosk.getByRole('heading', { name: '张三，签到成功' })).toBeVisible()
  await take(kiosk, 'kiosk-passes')
  const { data } = (await (await answered).json()) as { data: { qrcode: string } }
  await kiosks.close()

  const [gate, gates] = await person(page, { width: 1280, height: 800 }, 0.5)
  await gate.goto(`${url}/gate/`)
  await expect(gate.getByRole('heading', { name: '请出示二维码' })).toBeVisible()
  await take(gate, 'gate-ready')
  await scan(gate, data.qrcode)
  await expect(gate.getByText('请通行')).toBeVisible()
  await take(gate, 'gate-pass')
  await scan(gate, '0'.repeat(32))
  await expect(gate.getByText('不能通行')).toBeVisible()
  await take(gate, 'gate-refuse')
  await gates.close()
}

test('a member', async ({ page }) => {
  await page.setViewportSize(PHONE)
  await page.goto('/h5/login')
  await logIn(page, VISITOR)
  await expect(page).toHaveURL(/\/h5\/me/)
  await take(page, 'h5-me')
})

test('the marketplace on the phone', async ({ page }) => {
  await page.setViewportSize(PHONE)
  await page.goto('/h5/market')
  await expect(page.getByRole('link', { name: '上门做饭' })).toBeVisible()
  await page.waitForLoadState('networkidle')
  await take(page, 'h5-market')
  await page.goto(`/h5/market/orders/${market.order}`)
  await page.getByLabel('验证码').fill(CONSUMER.i_code)
  await page.getByLabel('订单号').fill(String(CONSUMER.order_no))
  await page.getByRole('button', { name: '进入家政服务' }).click()
  await expect(page.getByRole('button', { name: '申请退款' })).toBeVisible()
  await page.waitForLoadState('networkidle')
  await take(page, 'h5-market-order')
  await page.goto(`/h5/market/refunds/${market.refund}`)
  await expect(page.getByText('等待裁定', { exact: true })).toBeVisible()
  await page.waitForLoadState('networkidle')
  await take(page, 'h5-market-refund')
})

test('the console', async ({ page, demo }) => {
  await page.setViewportSize({ width: 1280, height: 800 })
  await signInStaff(page, demo)
  for (const [path, name] of [
    ['visits', 'console-visits'],
    ['on-site', 'console-on-site'],
    ['calendar', 'console-calendar'],
    ['services', 'console-services'],
    ['orders', 'console-orders'],
  ] as const) {
    await page.goto(`/console/${path}`)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await page.waitForLoadState('networkidle')
    await take(page, name)
  }

  await page.goto('/console/refunds')
  await page.getByRole('row').filter({ hasText: '待裁决' }).getByRole('button').first().click()
  await expect(page.getByRole('dialog').getByRole('img', { name: '图片 1' })).toBeVisible()
  await expect(page.getByRole('dialog').getByText('支付').first()).toBeVisible()
  await take(page, 'console-refund')

  await page.goto('/console/')
  await expect(page.getByText('实时连接正常')).toBeVisible()
  for (const id of waiting.slice(0, 4)) {
    await call(page.request, demo, 'POST', '/v1/sign-in', { appintment_id: id })
  }
  await expect(page.getByRole('listitem').filter({ hasText: '已签到' })).toHaveCount(4)
  await take(page, 'console-dashboard')
})
