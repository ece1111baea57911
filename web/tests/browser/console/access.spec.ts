import { call, expect, expectAccessible, shoot, signInStaff, test } from '../support/test'
import { fill } from './data'

test('a device gets its key once, and loses it with its deletion', async ({ page, demo }) => {
  await signInStaff(page, demo)
  await page.goto('/console/devices')
  await page.getByRole('button', { name: '添加设备' }).click()
  const form = page.getByRole('dialog', { name: '添加设备' })
  await form.getByRole('button', { name: '新增' }).click()
  await expect(form.getByText('请填写名称')).toBeVisible()
  const name = `东门闸机${Date.now() % 1000}`
  await form.getByLabel('名称').fill(name)
  await form.getByText('闸机', { exact: true }).click()
  await form.getByRole('button', { name: '新增' }).click()
  const shown = page.getByRole('dialog', { name: `${name} 的密钥` })
  await expect(shown.getByRole('img', { name: /^二维码/ })).toBeVisible()
  const key = await shown.locator('code').innerText()
  expect(key.length).toBeGreaterThan(20)
  await expectAccessible(page)
  await shoot(page, 'console-device-key')
  await shown.getByRole('button', { name: '我已保存' }).click()
  await expect(shown).toBeHidden()
  await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('闸机')
  expect(await page.content()).not.toContain(key)
  await page.getByRole('button', { name: `删除 ${name}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: '删除' }).click()
  await expect(page.getByText('已删除')).toBeVisible()
  await expect(page.getByText(name, { exact: true })).toHaveCount(0)
})

test.describe('a name that is taken', () => {
  test.use({ allowed: ['409 (Conflict)'] })

  test('is told above the form, which keeps what was typed', async ({ page, demo }) => {
    await signInStaff(page, demo)
    await page.goto('/console/staff')
    await page.getByRole('button', { name: '添加员工' }).click()
    const form = page.getByRole('dialog', { name: '添加员工' })
    await form.getByLabel('用户名').fill('admin')
    await form.getByLabel('密码').fill('short')
    await form.getByRole('button', { name: '保存' }).click()
    await expect(form.getByText('8 到 128 个字符').last()).toBeVisible()
    await form.getByLabel('密码').fill('a long enough secret')
    await form.getByRole('button', { name: '保存' }).click()
    await expect(form.getByRole('alert').filter({ hasText: '用户名已存在' })).toBeVisible()
    const name = `wang${Date.now()}`
    await form.getByLabel('用户名').fill(name)
    await expect(form.getByLabel('密码')).toHaveValue('a long enough secret')
    // Twice at once: one account.
    await form.getByRole('button', { name: '保存' }).dblclick()
    await expect(page.getByText('员工帐号已添加')).toBeVisible()
    await expect(page.getByRole('row', { name: new RegExp(name) })).toHaveCount(1)
    await page.getByRole('button', { name: `修改 ${name}` }).click()
    const change = page.getByRole('dialog', { name: `修改 ${name}` })
    await change.getByRole('switch', { name: '可用' }).press('Space')
    await change.getByRole('button', { name: '保存' }).click()
    await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('已停用')

    await page.goto('/console/audit')
    await page
      .getByRole('row', { name: /staff\.change/ })
      .first()
      .getByRole('button', { name: /变更内容/ })
      .click()
    const details = page.getByRole('dialog')
    await expect(details.getByRole('row', { name: /active/ })).toContainText(/true\s*false/)
    await expectAccessible(page)
    await shoot(page, 'console-audit-details')
  })
})

test('an API key works until it is deleted', async ({ page, demo, playwright }) => {
  await signInStaff(page, demo)
  await page.goto('/console/api-keys')
  await page.getByRole('button', { name: '添加密钥' }).click()
  const name = `月报${Date.now() % 1000}`
  await page.getByRole('dialog').getByLabel('用途').fill(name)
  await page.keyboard.press('Enter')
  const key = await page
    .getByRole('dialog', { name: `${name} 的密钥` })
    .locator('code')
    .innerText()
  await page.getByRole('button', { name: '我已保存' }).click()
  const script = await playwright.request.newContext({
    baseURL: demo.url,
    extraHTTPHeaders: { Authorization: `Bearer ${key}` },
  })
  expect((await script.get('/admin/v1/stats')).status()).toBe(200)
  await page.getByRole('button', { name: `删除 ${name}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: '删除' }).click()
  await expect(page.getByText('已删除')).toBeVisible()
  expect((await script.get('/admin/v1/stats')).status()).toBe(401)
  await script.dispose()
})

test('a member gets points and a test', async ({ page, demo }) => {
  await fill(page, demo)
  await page.goto('/console/members')
  await page.getByLabel('手机号').fill('13811111111')
  await page.getByRole('button', { name: '查询' }).click()
  await expect(page.getByText('共 1 条')).toBeVisible()
  const row = page.getByRole('row', { name: /13811111111/ })
  const before = Number(await row.getByRole('cell').nth(4).innerText())
  await page.getByRole('button', { name: '变更 13811111111 的积分' }).click()
  const points = page.getByRole('dialog')
  await points.getByRole('button', { name: '保存' }).click()
  await expect(points.getByText('不能为 0')).toBeVisible()
  await points.getByRole('spinbutton').fill('-3')
  await points.getByLabel('变更原因').fill('兑换礼品')
  await points.getByRole('button', { name: '保存' }).click()
  await expect(page.getByText('已扣减 3 积分')).toBeVisible()
  await expect(row.getByRole('cell').nth(4)).toHaveText(String(before - 3))
  await page.getByRole('button', { name: '为 13811111111 登记测试' }).click()
  const tested = page.getByRole('dialog')
  await tested.getByLabel('门店').click()
  await page.getByRole('option', { name: '爱美兔 爱美兔国贸店' }).click()
  await tested.getByRole('button', { name: '保存' }).click()
  await expect(page.getByText('测试已登记')).toBeVisible()
  await expect(row).toContainText('是')
})

test('a brand and its shop', async ({ page, demo }) => {
  await signInStaff(page, demo)
  const brand = `品牌${Date.now() % 10_000}`
  await page.goto('/console/brands')
  await page.getByRole('button', { name: '新增品牌' }).click()
  await page.getByRole('dialog').getByLabel('名称').fill(brand)
  await page.getByRole('dialog').getByRole('button', { name: '保存' }).click()
  await expect(page.getByRole('row', { name: new RegExp(brand) })).toBeVisible()
  await page.goto('/console/shops')
  await page.getByRole('button', { name: '新增门店' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('品牌').click()
  await page.getByRole('option', { name: brand }).click()
  await form.getByLabel('名称').fill('总店')
  await expectAccessible(page)
  await shoot(page, 'console-shop-form')
  await form.getByRole('button', { name: '保存' }).click()
  await expect(page.getByRole('row', { name: new RegExp(`${brand}.*总店`) })).toBeVisible()
})

test('a message that was given up is sent again', async ({ page, demo }) => {
  await signInStaff(page, demo)
  // The provider takes mobile numbers only: the receipt of whoever left another is given up.
  const phone = `020${Date.now() % 100_000_000}`
  const now = Math.floor(Date.now() / 1000)
  await call(page.request, demo, 'POST', '/v1/subject', {
    subject_type: 1,
    name: '何必来',
    phone,
    proposer: phone,
    purpose: 2,
    interviewee: '李四',
    interviewee_phone: '13811111111',
    start_time: now,
    end_time: now + 3_600,
  })
  await page.goto('/console/messages?state=given_up')
  const message = page.getByRole('row').filter({ hasText: phone })
  const refresh = page.getByRole('button', { name: '刷新' })
  await expect(async () => {
    await refresh.click()
    await expect(message).toContainText('手机号码格式错误', { timeout: 1_000 })
  }).toPass()
  await expect(message).toContainText('来访通知（短信）')
  await expectAccessible(page)
  await shoot(page, 'console-given-up')
  await message.getByRole('button', { name: /^重发消息/ }).click()
  await expect(page.getByText('消息已重新排队，24 小时内会一直尝试')).toBeVisible()
  await expect(async () => {
    await refresh.click()
    await expect(message.getByRole('cell').nth(4), 'it was tried twice').toHaveText('2', { timeout: 1_000 })
  }).toPass()
})
