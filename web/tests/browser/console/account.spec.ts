import { createHmac } from 'node:crypto'

import { call, expect, expectAccessible, expectNoOverflow, shoot, signInStaff, test } from '../support/test'

const PASSWORD = 'seven grey herons'

/** What an authenticator app shows, `steps` of half a minute from now (RFC 6238). */
function codeOf(secret: string, steps = 0): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = Array.from(secret, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const hash = createHmac('sha1', key).update(counter).digest()
  const offset = (hash.at(-1) ?? 0) & 15
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

test.describe('a second factor', () => {
  // What Chromium itself says of an answer that refuses.
  test.use({ allowed: ['401 (Unauthorized)', '400 (Bad Request)', '403 (Forbidden)'] })

  test('is set up, asked for at the login, and removed again', async ({ page, demo }) => {
    await signInStaff(page, demo)
    const username = `lin${Date.now()}`
    const account = { username, password: PASSWORD, role: 'auditor' }
    await call(page.request, demo, 'POST', '/admin/v1/staff', account)
    await signInStaff(page, demo, username, PASSWORD)

    await page.goto('/console/')
    await page.getByRole('link', { name: username }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('我的帐号')
    await expectAccessible(page)
    await expectNoOverflow(page)
    await shoot(page, 'console-account')
    await page.getByRole('button', { name: '开启两步验证' }).click()
    const setUp = page.getByRole('dialog', { name: '开启两步验证' })
    await expect(setUp.getByRole('img', { name: /^二维码/ })).toBeVisible()
    const secret = await setUp.locator('code').innerText()
    await setUp.getByLabel('两步验证码').fill('000000')
    await setUp.getByRole('button', { name: '确定' }).click()
    await expect(setUp.getByText('不对，请检查手机时间')).toBeVisible()
    await expectAccessible(page)
    await shoot(page, 'console-account-totp')
    await setUp.getByLabel('两步验证码').fill(codeOf(secret, -1))
    await setUp.getByRole('button', { name: '确定' }).click()
    const shown = page.getByRole('dialog', { name: '恢复码' })
    await expect(shown.getByRole('listitem')).toHaveCount(10)
    const recovery = await shown.getByRole('listitem').first().innerText()
    await expectAccessible(page)
    await shoot(page, 'console-account-recovery')
    await shown.getByRole('button', { name: '我已保存' }).click()
    await expect(page.getByText('已开启')).toBeVisible()

    await page.getByRole('button', { name: '退出登录' }).click()
    await page.getByLabel('用户名').fill(username)
    await page.getByRole('textbox', { name: '密码' }).fill(PASSWORD)
    await page.keyboard.press('Enter')
    await expect(page.getByText('请输入两步验证码')).toBeVisible()
    await expectAccessible(page)
    await shoot(page, 'console-sign-in-totp')
    await page.getByLabel('两步验证码').fill(codeOf(secret))
    await page.keyboard.press('Enter')
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('今日概览')

    await page.getByRole('button', { name: '退出登录' }).click()
    await page.getByLabel('用户名').fill(username)
    await page.getByRole('textbox', { name: '密码' }).fill(PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: '手机不在身边？用恢复码' }).click()
    await page.getByLabel('恢复码').fill(recovery.toUpperCase())
    await page.keyboard.press('Enter')
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('今日概览')

    await page.goto('/console/account')
    await page.getByRole('button', { name: '关闭两步验证' }).click()
    const removal = page.getByRole('dialog', { name: '关闭两步验证' })
    await removal.getByLabel('密码').fill('wrong')
    await removal.getByRole('button', { name: '关闭两步验证' }).click()
    await expect(removal.getByText('密码错误')).toBeVisible()
    await removal.getByLabel('密码').fill(PASSWORD)
    await removal.getByRole('button', { name: '关闭两步验证' }).click()
    await expect(page.getByText('未开启')).toBeVisible()
  })

  test('one changes ones own password', async ({ page, demo }) => {
    await signInStaff(page, demo)
    const username = `wang${Date.now()}`
    await call(page.request, demo, 'POST', '/admin/v1/staff', {
      username,
      password: PASSWORD,
      role: 'auditor',
    })
    await signInStaff(page, demo, username, PASSWORD)
    await page.goto('/console/account')
    await page.getByLabel('现在的密码').fill('not it at all')
    await page.getByLabel('新密码', { exact: true }).fill('password1234')
    await page.getByLabel('再输入一次新密码').fill('password12345')
    await page.getByRole('button', { name: '修改密码' }).click()
    await expect(page.getByText('两次输入的新密码不一样')).toBeVisible()
    await page.getByLabel('再输入一次新密码').fill('password1234')
    await page.getByRole('button', { name: '修改密码' }).click()
    await expect(page.getByText('密码错误')).toBeVisible()
    await page.getByLabel('现在的密码').fill(PASSWORD)
    await page.getByRole('button', { name: '修改密码' }).click()
    await expect(page.getByText('太容易被猜到')).toBeVisible()
    await page.getByLabel('新密码', { exact: true }).fill('eleven blue kettles')
    await page.getByLabel('再输入一次新密码').fill('eleven blue kettles')
    await page.getByRole('button', { name: '修改密码' }).click()
    await expect(page.getByText('密码已修改')).toBeVisible()
    await signInStaff(page, demo, username, 'eleven blue kettles')
  })

  test('an old login is asked for the password, and then what was wanted is done', async ({ page, demo }) => {
    await signInStaff(page, demo)
    await page.goto('/console/devices')
    // What the server says a quarter of an hour later.
    let refusals = 0
    await page.route('**/admin/v1/devices', async (route) => {
      if (route.request().method() !== 'POST' || refusals > 1) return route.continue()
      refusals += 1
      const problem = {
        type: 'about:blank',
        title: 'Forbidden',
        status: 403,
        detail: '请再次输入密码',
        step_up: true,
      }
      return route.fulfill({ status: 403, contentType: 'application/problem+json', json: problem })
    })
    const name = `西门${Date.now() % 1000}`
    await page.getByRole('button', { name: '添加设备' }).click()
    const form = page.getByRole('dialog', { name: '添加设备' })
    await form.getByLabel('名称').fill(name)
    await form.getByRole('button', { name: '新增' }).click()
    const again = page.getByRole('dialog', { name: '请再次输入密码' })
    await expect(again).toBeVisible()
    await expectAccessible(page)
    await shoot(page, 'console-step-up')
    await again.getByRole('button', { name: '取消' }).click()
    await expect(again).toBeHidden()
    await expect(form.getByText('请再次输入密码')).toBeVisible()
    await form.getByRole('button', { name: '新增' }).click()
    await again.getByLabel('密码').fill('wrong')
    await again.getByRole('button', { name: '确定' }).click()
    await expect(again.getByText('密码错误')).toBeVisible()
    await again.getByLabel('密码').fill('demo-admin')
    await again.getByLabel('密码').press('Enter')
    await expect(page.getByRole('dialog', { name: `${name} 的密钥` })).toBeVisible()
    expect(refusals).toBe(2)
  })
})

test('a key has an end that can be chosen, and shows when it was used', async ({
  page,
  demo,
  playwright,
}) => {
  await signInStaff(page, demo)
  await page.goto('/console/api-keys')
  await page.getByRole('button', { name: '添加密钥' }).click()
  const name = `季报${Date.now() % 1000}`
  const form = page.getByRole('dialog')
  await form.getByLabel('用途').fill(name)
  const year = new Date().getFullYear() + 2
  await form.getByRole('combobox', { name: '到期时间' }).fill(`${year}-06-30`)
  await page.keyboard.press('Enter')
  await form.getByRole('button', { name: '新增' }).click()
  const key = await page
    .getByRole('dialog', { name: `${name} 的密钥` })
    .locator('code')
    .innerText()
  await page.getByRole('button', { name: '我已保存' }).click()
  const row = page.getByRole('row', { name: new RegExp(name) })
  await expect(row).toContainText(`${year}-06-30 23:59:59`)
  await expect(row).toContainText('从未')
  const script = await playwright.request.newContext({
    baseURL: demo.url,
    extraHTTPHeaders: { Authorization: `Bearer ${key}` },
  })
  expect((await script.get('/admin/v1/stats')).status()).toBe(200)
  await script.dispose()
  await page.getByRole('button', { name: '刷新' }).click()
  await expect(row).not.toContainText('从未')
})
