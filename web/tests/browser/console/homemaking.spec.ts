/** The marketplace's pages of the console: each with data, and what is done on it. */
import type { Page } from '@playwright/test'

import type { Demo } from '../support/demo'
import { appealed, draw, enter, type Market, rated, service } from '../support/market'
import {
  expect,
  expectAccessible,
  expectNoOverflow,
  shoot,
  signInStaff,
  test as base,
  WIDTHS,
} from '../support/test'

/** A demo with something in every queue. */
const test = base.extend<object, { world: Market }>({
  world: [
    async ({ demo, playwright, browser }, use) => {
      const request = await playwright.request.newContext()
      const pairs = {
        publisher: { i_code: 'spring-1', order_no: 7001 },
        consumer: { i_code: 'spring-2', order_no: 7002 },
      }
      const world = await enter(request, demo, await draw(browser), pairs)
      await service(world, '深度保洁四小时（含厨房油烟机拆洗与玻璃清洁）')
      await service(world, '钟点工')
      await appealed(world, '月嫂')
      await rated(world, '空调清洗', '师傅很准时，清洗得很干净。\n下次还会再约。')
      await use(world)
      await request.dispose()
    },
    { scope: 'worker', timeout: 90_000 },
  ],
})
test.beforeEach(({ world }) => expect(world.picture.id).toBeGreaterThan(0))

async function open(page: Page, demo: Demo, path: string): Promise<void> {
  await signInStaff(page, demo)
  await page.goto(`/console/${path}`)
}

// Three widths with axe at each take their time on a busy machine.
test.describe.configure({ timeout: 180_000 })

const row = (page: Page, words: string) => page.getByRole('row').filter({ hasText: words })
const dialog = (page: Page, title: string | RegExp) => page.getByRole('dialog', { name: title })
const told = (page: Page, words: string) => page.locator('.el-message').filter({ hasText: words })
const field = (page: Page, label: string) =>
  page.locator('input').and(page.getByLabel(label, { exact: true }))

async function choose(page: Page, label: string, option: string): Promise<void> {
  await field(page, label).press('Enter')
  await page.getByRole('option', { name: option, exact: true }).click()
}

const PAGES = [
  { path: 'services', shows: '深度保洁' },
  { path: 'ratings', shows: '师傅很准时' },
  { path: 'orders', shows: '空调清洗' },
  { path: 'refunds', shows: '约好的时间没有人来' },
  { path: 'payments', shows: '已到账' },
  { path: 'ledger', shows: '收款减退款等于余额' },
  { path: 'enrolments', shows: 'spring-2' },
]

for (const { path, shows } of PAGES) {
  test(`/${path} opens at every width`, async ({ page, demo }) => {
    await open(page, demo, path)
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      await expect(page.getByText(shows).first()).toBeVisible()
      await expectNoOverflow(page)
      await expectAccessible(page)
      await shoot(page, `homemaking-${path}`)
    }
  })
}

test('a service is looked at with its picture and approved', async ({ page, demo, world }) => {
  await service(world, '通过这个')
  await open(page, demo, 'services')
  await row(page, '通过这个').getByRole('button', { name: '详情' }).click()
  const details = dialog(page, '通过这个')
  await expect(details.getByRole('img', { name: '封面' })).toBeVisible()
  await expect(details.getByText('周末也可以上门')).toBeVisible()
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    await expectNoOverflow(page)
    await expectAccessible(page)
    await shoot(page, 'homemaking-service')
  }
  await details.getByRole('button', { name: /^通过/ }).dblclick()
  await expect(told(page, '已通过')).toHaveCount(1)
  await expect(details.getByText('待发布')).toBeVisible()
})

test('a service is refused with a reason, and another taken down', async ({ page, demo, world }) => {
  await service(world, '写得不清楚')
  const down = await service(world, '下架这个')
  await world.staff.post(`/admin/v1/services/${down}/review`, { decision: 'approve' })
  await open(page, demo, 'services')
  await row(page, '写得不清楚')
    .getByRole('button', { name: /^不通过/ })
    .click()
  const refusal = dialog(page, '不通过“写得不清楚”')
  await refusal.getByRole('button', { name: '不通过' }).click()
  await expect(refusal.getByText('必填')).toBeVisible()
  await expectAccessible(page)
  await shoot(page, 'homemaking-refuse')
  await refusal.getByLabel('原因').fill('请写明服务内容')
  await refusal.getByRole('button', { name: '不通过' }).click()
  await expect(refusal).toBeHidden()
  await expect(row(page, '写得不清楚')).toHaveCount(0)
  await page.getByRole('button', { name: '清空条件' }).click()
  await expect(row(page, '写得不清楚').getByText('审核不通过')).toBeVisible()
  await row(page, '下架这个')
    .getByRole('button', { name: /^强制下架/ })
    .click()
  const takeDown = dialog(page, '强制下架“下架这个”')
  await takeDown.getByLabel('原因').fill('被多人投诉')
  await takeDown.getByRole('button', { name: '强制下架' }).click()
  await expect(row(page, '下架这个').getByText('已下架')).toBeVisible()
})

test('a rating is hidden and shown again', async ({ page, demo, world }) => {
  await rated(world, '擦玻璃', '隐藏这一条评价')
  await open(page, demo, 'ratings')
  const rating = row(page, '隐藏这一条评价')
  await expect(rating.getByText('站外图片')).toBeVisible()
  await rating.getByRole('button', { name: /^隐藏/ }).click()
  const form = dialog(page, /^隐藏评价/)
  await form.getByLabel('原因').fill('含有电话号码')
  await form.getByRole('button', { name: '隐藏' }).click()
  await expect(rating.getByText('已隐藏')).toBeVisible()
  await rating.getByRole('button', { name: /^展示/ }).click()
  await expect(rating.getByText('已展示')).toBeVisible()
})

test('an order is found and its history told', async ({ page, demo }) => {
  await open(page, demo, 'orders')
  await choose(page, '状态', '已完成')
  await page.getByRole('button', { name: '查询' }).click()
  await expect(row(page, '月嫂')).toHaveCount(0)
  await row(page, '空调清洗').getByRole('button').first().click()
  const details = page.getByRole('dialog')
  for (const step of ['下单', '同意预约', '支付', '确认订单', '评价']) {
    await expect(details.getByText(step, { exact: false }).first()).toBeVisible()
  }
  await expect(details.getByText('广东省 广州市 海珠区')).toBeVisible()
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    await expectNoOverflow(page)
    await expectAccessible(page)
    await shoot(page, 'homemaking-order')
  }
  await page.keyboard.press('Escape')
  await field(page, '用户编号（双方）').fill('999')
  await page.getByRole('button', { name: '查询' }).click()
  await expect(page.getByText('没有符合条件的记录')).toBeVisible()
})

test('an appeal is upheld and another dismissed', async ({ page, demo, world }) => {
  await appealed(world, '上门做饭')
  await appealed(world, '搬家')
  await open(page, demo, 'refunds')
  await page.getByText('只看待裁决的申诉').click()
  await page.getByRole('button', { name: '查询' }).click()
  const buttons = page.getByRole('button', { name: '申诉成立' })
  await expect(buttons).toHaveCount(3)
  await page.locator('tbody').getByRole('button').first().click()
  const details = dialog(page, /^退款/)
  await expect(details.getByText('搬家')).toBeVisible()
  await expect(details.getByText('有聊天记录为证')).toBeVisible()
  await expect(details.getByRole('img', { name: '图片 1' })).toBeVisible()
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    await expectNoOverflow(page)
    await expectAccessible(page)
    await shoot(page, 'homemaking-refund')
  }
  await details.getByRole('button', { name: /驳回/ }).click()
  const dismissal = dialog(page, /驳回申诉$/)
  await dismissal.getByRole('button', { name: '驳回' }).click()
  await expect(dismissal.getByText('必填')).toBeVisible()
  await dismissal.getByLabel('裁决说明').fill('发布者按时到场')
  await dismissal.getByRole('button', { name: '驳回' }).click()
  await expect(dismissal).toBeHidden()
  await expect(details.getByText('发布者按时到场')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(buttons).toHaveCount(2)
  await buttons.first().click()
  const upholding = dialog(page, /申诉成立$/)
  await upholding.getByLabel('裁决说明').fill('证据充分')
  await upholding.getByRole('button', { name: '申诉成立' }).click()
  await expect(told(page, '申诉成立，正在退款')).toBeVisible()
  await expect(buttons).toHaveCount(1)
  await page.getByRole('link', { name: '收支台账' }).click()
  await expect(row(page, '退款').first()).toBeVisible({ timeout: 15_000 })
  await expect(page.getByText('收款减退款等于余额')).toBeVisible()
})

test.describe('a pair', () => {
  test.use({ allowed: ['409 (Conflict)'] })

  test('is issued once and revoked', async ({ page, demo }) => {
    await open(page, demo, 'enrolments')
    const issue = page.getByRole('button', { name: '发放凭证' })
    await issue.click()
    const form = dialog(page, '发放凭证')
    const confirm = form.getByRole('button', { name: '发放凭证' })
    await confirm.click()
    await expect(form.getByText('请填写课程验证码')).toBeVisible()
    await form.getByLabel('课程验证码').fill('spring-1')
    await form.getByLabel('课程订单号').fill('7001')
    await confirm.click()
    await expect(form.locator('.el-alert')).toContainText('已')
    await expect(form.getByLabel('课程验证码')).toHaveValue('spring-1')
    await expectAccessible(page)
    await shoot(page, 'homemaking-issue')
    await form.getByLabel('课程验证码').fill('autumn-7')
    await form.getByLabel('课程订单号').fill('20261121')
    await confirm.dblclick()
    await expect(form).toBeHidden()
    await expect(page.getByText('验证码 autumn-7，订单号 20261121')).toBeVisible()
    await expect(row(page, 'autumn-7')).toHaveCount(1)
    await row(page, 'autumn-7').getByRole('button', { name: /^撤销/ }).click()
    await page.locator('.el-message-box').getByRole('button', { name: '撤销' }).click()
    await expect(row(page, 'autumn-7')).toHaveCount(0)
  })
})

test('what a table shows is saved as a file', async ({ page, demo }) => {
  await open(page, demo, 'orders')
  await expect(row(page, '空调清洗')).toBeVisible()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: '导出 CSV' }).click()
  const text = await (await import('node:fs/promises')).readFile(await (await saved).path(), 'utf8')
  expect(text).toContain('空调清洗')
  expect(text).toContain('128.50')
})

test('in English, too', async ({ page, demo }) => {
  await open(page, demo, 'refunds')
  await page.getByRole('button', { name: 'English' }).click()
  await expect(page.getByRole('heading', { name: 'Refunds and appeals' })).toBeVisible()
  await page.setViewportSize({ width: 390, height: 900 })
  await expectNoOverflow(page)
  await shoot(page, 'homemaking-refunds-en')
})
