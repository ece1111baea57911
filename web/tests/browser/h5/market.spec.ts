import type { Page } from '@playwright/test'

import {
  administrator,
  type Caller,
  draw,
  enter,
  freshPair,
  type Market,
  ordered,
  type Pair,
  published,
  rejected,
} from '../support/market'
import { agree, expect, inspect, test as base } from './support'

interface Fixtures {
  /** The demo's administrator. */
  staff: Caller
  pairs: { publisher: Pair; consumer: Pair }
  /** The users of these pairs, entered already. */
  market: Market
}

const test = base.extend<Fixtures>({
  staff: async ({ request, demo }, use) => use(await administrator(request, demo)),
  // Playwright tells fixtures by their destructured first argument.
  // eslint-disable-next-line no-empty-pattern
  pairs: ({}, use) => use({ publisher: freshPair(), consumer: freshPair() }),
  market: async ({ request, demo, browser, pairs }, use) =>
    use(await enter(request, demo, await draw(browser), pairs)),
})

async function newcomer(staff: Caller): Promise<Pair> {
  const pair = freshPair()
  await staff.post('/admin/v1/enrolments', pair)
  return pair
}

test.use({ allowed: ['/homemaking/v1/token'] })
test.setTimeout(120_000)

/** A picture, drawn by the browser. */
async function picture(page: Page): Promise<{ name: string; mimeType: string; buffer: Buffer }> {
  const data = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 300, height: 300 })
    const drawing = canvas.getContext('2d')
    drawing?.fillRect(40, 40, 220, 220)
    return canvas.toDataURL('image/png').split(',')[1] ?? ''
  })
  return { name: 'picture.png', mimeType: 'image/png', buffer: Buffer.from(data, 'base64') }
}

async function addPicture(page: Page): Promise<void> {
  await page.getByLabel('添加图片').setInputFiles(await picture(page))
  await expect(page.getByRole('button', { name: '移除第 1 张图片' })).toBeVisible()
}

/** Becomes another user of the marketplace, on a page of it. */
async function become(page: Page, pair: Pair, path: string): Promise<void> {
  await page.goto('/h5/market/enter')
  await expect(page.getByLabel('订单号')).toBeVisible()
  await page.evaluate(() => localStorage.removeItem('yuyue.market'))
  await page.goto(`/h5${path}`)
  await expect(page).toHaveURL(/\/h5\/market\/enter\?next=/)
  await page.getByLabel('验证码').fill(pair.i_code)
  await page.getByLabel('订单号').fill(String(pair.order_no))
  await page.getByRole('button', { name: '进入家政服务' }).click()
  await expect(page).toHaveURL(new RegExp(`/h5${path.replace('?', '\\?')}$`))
}

async function press(page: Page, button: string): Promise<void> {
  await page.getByRole('button', { name: button, exact: true }).click()
  await agree(page)
}

/** Publishes a service: written, looked at by staff, put on the list. */
async function publish(page: Page, publisher: Pair, title: string, staff: Caller): Promise<void> {
  await become(page, publisher, '/market/services/new')
  await page.getByLabel('标题').fill(title)
  await page.getByRole('radio', { name: '宠物' }).check()
  await page.getByLabel('服务详情').fill('节假日宠物寄养，代遛，一天至少一次；代喂食，狗粮需自备。')
  await page.getByLabel('价格').fill('300')
  await addPicture(page)
  await inspect(page, 'market-publish')
  await page.getByRole('button', { name: '提交审核' }).click()
  const mine = page.getByRole('listitem').filter({ hasText: title })
  await expect(mine).toContainText('待审核')
  await inspect(page, 'market-my-services')
  const link = await mine.getByRole('link', { name: title }).getAttribute('href')
  await staff.post(`/admin/v1/services/${link?.split('/').at(-1)}/review`, { decision: 'approve' })
  await page.reload()
  await mine.getByRole('button', { name: '发布', exact: true }).click()
  await agree(page)
  await expect(mine).toContainText('已发布')
}

async function order(page: Page, title: string): Promise<string> {
  await page.goto('/h5/market')
  await page.getByLabel('搜索标题').fill(title)
  await page.getByRole('button', { name: '搜索' }).click()
  await page.getByRole('link', { name: title }).click()
  await page.getByRole('button', { name: '立即预约' }).click()
  await expect(page.getByRole('heading', { name: '服务地址' })).toBeVisible()
  await inspect(page, 'market-place-order')
  await page.getByLabel('联系人').fill('张三')
  await page.getByLabel('联系电话').fill('020-81167888')
  await page.getByLabel('省份').fill('广东省')
  await page.getByLabel('城市').fill('广州市')
  await page.getByLabel('详细地址').fill('新港中路397号')
  await page.getByRole('button', { name: '提交预约' }).click()
  await expect(page.getByText('消费者 · 提交预约')).toBeVisible()
  return new URL(page.url()).pathname.replace('/h5', '')
}

test('an order: agreed to, paid, confirmed, rated and answered; another paid back', async ({
  page,
  staff,
}) => {
  const [publisher, consumer] = [await newcomer(staff), await newcomer(staff)]
  const title = `寄养 ${Date.now()}`
  await publish(page, publisher, title, staff)

  await become(page, consumer, '/market/mine')
  await inspect(page, 'market-mine')
  const first = await order(page, title)
  await expect(page.getByText('广东省 广州市 新港中路397号')).toBeVisible()
  await inspect(page, 'market-order')
  const second = await order(page, title)

  await become(page, publisher, '/market/orders?role=1')
  await inspect(page, 'market-received')
  for (const path of [first, second]) {
    await page.goto(`/h5${path}`)
    await press(page, '同意')
    await expect(page.getByText('待支付')).toBeVisible()
  }

  await become(page, consumer, first)
  await press(page, '支付')
  await press(page, '确认完成')
  await page.getByRole('button', { name: '评价', exact: true }).click()
  await page.getByRole('radio', { name: '4 星' }).check()
  await page.getByRole('button', { name: '提交评价' }).click()
  await expect(page.getByLabel('评价内容')).toHaveAccessibleDescription('请填写')
  await page.getByLabel('评价内容').fill('非常好，家里狗子都不想回家了。')
  await addPicture(page)
  await inspect(page, 'market-rate')
  await page.getByRole('button', { name: '提交评价' }).click()
  await expect(page.getByText('已完成', { exact: true })).toBeVisible()
  await inspect(page, 'market-rated')

  await page.goto(`/h5${second}`)
  await press(page, '支付')
  await page.getByRole('button', { name: '申请退款' }).click()
  await page.getByLabel('退款理由').fill('临时有事，无法按时在家')
  await inspect(page, 'market-ask-refund')
  await page.getByRole('button', { name: '提交申请' }).click()
  await expect(page.getByText('消费者 · 申请退款')).toBeVisible()
  const refund = new URL(page.url()).pathname.replace('/h5', '')
  await page.goto(`/h5${second}`)
  await expect(page.getByText('处理完之前不能确认完成')).toBeVisible()
  await expect(page.getByRole('button', { name: '确认完成' })).toBeHidden()

  await become(page, publisher, '/market/refunds?role=1')
  await inspect(page, 'market-refunds')
  await page.goto(`/h5${refund}`)
  await press(page, '同意退款')
  await page.goto(`/h5${first}`)
  await page.getByRole('button', { name: '回复评价' }).click()
  await page.getByRole('textbox', { name: '回复评价' }).fill('谢谢，欢迎再来。')
  await page.getByRole('button', { name: '回复评价' }).click()
  await expect(page.getByText('谢谢，欢迎再来。')).toBeVisible()

  await become(page, consumer, refund)
  await expect(async () => {
    await page.reload()
    await expect(page.getByText('已退款')).toBeVisible({ timeout: 1_000 })
  }).toPass()
  await inspect(page, 'market-refund')
  await press(page, '确认收到退款')
  await expect(page.getByText('已完成', { exact: true })).toBeVisible()
  await page.goto('/h5/market')
  await page.getByLabel('搜索标题').fill(title)
  await page.getByRole('button', { name: '搜索' }).click()
  await page.getByRole('link', { name: title }).click()
  await expect(page.getByText('非常好，家里狗子都不想回家了。')).toBeVisible()
  await expect(page.getByText('谢谢，欢迎再来。')).toBeVisible()
  await inspect(page, 'market-service')
})

test('the list is for everybody; a wrong pair is refused in words', async ({ page }) => {
  await page.goto('/h5/market')
  await expect(page.getByRole('radio', { name: '宠物' })).toBeVisible()
  await inspect(page, 'market')
  await page.goto('/h5/market/mine')
  await page.getByLabel('验证码').fill('demo-1')
  await page.getByLabel('订单号').fill('x')
  await page.getByRole('button', { name: '进入家政服务' }).click()
  await expect(page.getByLabel('订单号')).toHaveAccessibleDescription('请填写数字')
  await page.getByLabel('订单号').fill('4711')
  await page.getByRole('button', { name: '进入家政服务' }).click()
  await expect(page.getByRole('alert')).toHaveText('验证码和订单号不匹配，请核对后再试')
  await inspect(page, 'market-enter')
})

test('what a publisher left out stands at its field; a name and picture are kept', async ({
  page,
  staff,
}) => {
  await become(page, await newcomer(staff), '/market/services/new')
  await page.getByRole('button', { name: '提交审核' }).click()
  await expect(page.getByLabel('标题')).toHaveAccessibleDescription('请填写')
  await expect(page.getByLabel('添加图片')).toHaveAccessibleDescription('请添加图片')
  await inspect(page, 'market-publish-errors')
  const text = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') }
  await page.getByLabel('添加图片').setInputFiles(text)
  await expect(page.getByLabel('添加图片')).toHaveAccessibleDescription('只能上传 jpg、png、gif、webp 图片')

  await page.goto('/h5/market/mine/profile')
  await page.getByLabel('昵称').fill('阿三')
  const remove = page.getByRole('button', { name: '移除第 1 张图片' })
  if (await remove.isVisible()) await remove.click()
  await addPicture(page)
  await inspect(page, 'market-profile')
  await page.getByRole('button', { name: '保存' }).click()
  await expect(page.getByRole('heading', { name: '阿三' })).toBeVisible()
})

test('an order without an address says so at each field; two presses order once; it is cancelled', async ({
  page,
  market,
  pairs,
}) => {
  const id = await published(market, '上门做饭')
  await become(page, pairs.consumer, `/market/services/${id}/order`)
  await page.getByRole('button', { name: '提交预约' }).click()
  for (const label of ['联系人', '省份', '城市', '详细地址']) {
    await expect(page.getByLabel(label)).toHaveAccessibleDescription('请填写')
  }
  await expect(page.getByLabel('联系电话')).toHaveAccessibleDescription(/5 至 20 位电话号码/)
  await expect(page.getByLabel('联系人')).toBeFocused()
  await inspect(page, 'market-place-order-errors')
  await page.getByLabel('联系人').fill('张三')
  await page.getByLabel('联系电话').fill('13900000001')
  await page.getByLabel('省份').fill('广东省')
  await page.getByLabel('城市').fill('广州市')
  await page.getByLabel('详细地址').fill('新港中路 397 号')
  await page.getByRole('button', { name: '提交预约' }).dblclick()
  await expect(page.getByText('消费者 · 提交预约')).toHaveCount(1)
  await page.getByRole('button', { name: '取消预约' }).click()
  await page.getByRole('dialog').getByRole('button', { name: '取消', exact: true }).click()
  await press(page, '取消预约')
  await expect(page.getByText('已取消')).toBeVisible()
  await expect(page.getByText('消费者 · 取消')).toBeVisible()
  await expect(page.getByRole('button', { name: '取消预约' })).toHaveCount(0)
  await page.goto('/h5/market/orders?role=2')
  await expect(page.getByRole('listitem').filter({ hasText: '上门做饭' })).toHaveCount(1)
})

test('a publisher turns an order down', async ({ page, market, pairs }) => {
  const order = await ordered(market, '搬家')
  await become(page, pairs.publisher, `/market/orders/${order}`)
  await press(page, '拒绝')
  await expect(page.getByText('已拒绝')).toBeVisible()
  await expect(page.getByRole('button', { name: '同意' })).toHaveCount(0)
})

test('a rejected refund is appealed against, and staff decide', async ({ page, market, pairs }) => {
  const refund = await rejected(market, '月嫂')
  await become(page, pairs.consumer, `/market/refunds/${refund}`)
  await page.getByRole('button', { name: '申诉' }).click()
  await expect(page.getByLabel('申诉理由')).toHaveAccessibleDescription('请填写')
  await inspect(page, 'market-appeal')
  await page.getByLabel('申诉理由').fill('有聊天记录为证，请工作人员核实')
  await page.getByRole('button', { name: '申诉' }).dblclick()
  await expect(page.getByText('等待裁定', { exact: true })).toBeVisible()
  await expect(page.getByLabel('申诉理由')).toHaveCount(0)
  await expect(page.getByText('消费者 · 申诉')).toHaveCount(1)
  await inspect(page, 'market-appealed')
  const decision = { decision: 'agree', reason: '证据充分' }
  await market.staff.post(`/admin/v1/refunds/${refund}/decision`, decision)
  await page.reload()
  await expect(page.getByText('申诉成立', { exact: true })).toBeVisible()
  await expect(page.getByText('证据充分').first()).toBeVisible()
  await expect(async () => {
    await page.reload()
    await expect(page.getByText('已退款')).toBeVisible({ timeout: 1_000 })
  }).toPass()
})

test('a service is paused, edited, looked at anew, and cancelled', async ({ page, market, pairs }) => {
  const id = await published(market, '钟点工')
  await become(page, pairs.publisher, '/market/mine/services')
  const mine = page.getByRole('listitem').filter({ hasText: '钟点工' })
  await press(page, '暂停发布')
  await expect(mine).toContainText('待发布')
  await mine.getByRole('button', { name: '编辑' }).click()
  await expect(page.getByLabel('标题')).toHaveValue('钟点工')
  await expect(page.getByLabel('价格')).toHaveValue('128.50')
  await expect(page.getByRole('button', { name: '移除第 1 张图片' })).toBeVisible()
  await inspect(page, 'market-edit')
  await page.getByLabel('价格').fill('0')
  await page.getByRole('button', { name: '提交审核' }).click()
  await expect(page.getByLabel('价格')).toHaveAccessibleDescription(/应大于 0/)
  await page.getByLabel('价格').fill('99')
  await page.getByRole('button', { name: '提交审核' }).click()
  await expect(mine).toContainText('¥99.00')
  await expect(mine).toContainText('待审核')
  const refusal = { decision: 'refuse', reason: '请写明工作时间' }
  await market.staff.post(`/admin/v1/services/${id}/review`, refusal)
  await page.reload()
  await expect(mine).toContainText('审核意见：请写明工作时间')
  await inspect(page, 'market-refused')
  await press(page, '取消服务')
  await expect(mine).toContainText('已取消')
  await expect(mine.getByRole('button')).toHaveCount(0)
})
