import { expect, scan, test } from '../support/desk'
import { type Enforced, startEnforced } from '../support/enforced'
import { expectAccessible, expectNoOverflow, shoot } from '../support/test'

test.describe.configure({ timeout: 90_000 })

for (const kind of ['kiosk', 'gate'] as const) {
  test.describe(kind, () => {
    let server: Enforced
    test.beforeAll(async () => {
      server = await startEnforced(kind)
    })
    test.afterAll(() => server.stop())
    // Refusals are answered with 401, which Chromium notes.
    test.use({ allowed: ['401'] })

    test(`a ${kind} gets its key once, keeps it, and can lose it`, async ({ page }) => {
      await page.goto(`${server.url}/${kind}/`)
      await expect(page.getByRole('heading', { name: '请输入设备密钥' })).toBeVisible()
      await expectAccessible(page)
      await expectNoOverflow(page)
      await shoot(page, `${kind}-locked`)

      const field = page.getByLabel('设备密钥', { exact: true })
      const save = page.getByRole('button', { name: '保存密钥' })
      await save.click()
      await expect(page.getByRole('alert').filter({ hasText: '请输入设备密钥' })).toBeVisible()
      await field.fill('wrong-key')
      await save.click()
      await expect(page.getByRole('alert').filter({ hasText: '密钥不正确' })).toBeVisible()
      await expect(field).toHaveValue('wrong-key')
      await expectAccessible(page)
      await field.fill(server.deviceKey)
      await field.press('Enter')

      const ready = page.getByRole('heading', { name: kind === 'gate' ? '请出示二维码' : '您好，欢迎来访' })
      await expect(ready).toBeVisible()
      await page.reload()
      await expect(ready).toBeVisible()
      if (kind === 'gate') {
        await scan(page, '00000000000000000000000000000000')
        await expect(page.getByText('不是有效的通行码')).toBeVisible()
        await expect(page.locator('.verdict')).toHaveCount(0)
      } else {
        await page.getByRole('button', { name: /访客签到/ }).click()
        await scan(page, '13900000000')
        await expect(page.getByRole('alert').filter({ hasText: '今天没有该手机号码的预约' })).toBeVisible()
      }

      // Revoked while it is in use.
      await page.route('**/v1/visit/*', (route) =>
        route.fulfill({ status: 401, json: { code: 401, err_msg: '' } }),
      )
      if (kind === 'gate') await scan(page, '1'.repeat(32))
      // Not by Enter: right after a reading it would be the reader's own second one.
      else await page.getByRole('button', { name: '签到', exact: true }).click()
      await expect(page.getByText('本机保存的密钥已失效')).toBeVisible()
      await page.unroute('**/v1/visit/*')
      await field.fill(server.deviceKey)
      await save.click()
      await expect(kind === 'gate' ? ready : page.getByLabel('手机号')).toBeVisible()

      // A short press is no gesture.
      const title = page.getByRole('button', { name: /长按三秒/ })
      await title.click()
      await title.hover()
      await page.mouse.down()
      await expect(page.getByRole('dialog', { name: '设备设置' })).toBeVisible()
      await page.mouse.up()
      await expectAccessible(page)
      await shoot(page, `${kind}-settings`)
      await page.getByRole('button', { name: '移除密钥' }).click()
      await page.getByRole('button', { name: '确定移除' }).click()
      await expect(page.getByRole('heading', { name: '请输入设备密钥' })).toBeVisible()
      expect(await page.evaluate(() => JSON.stringify({ ...localStorage }))).not.toContain(server.deviceKey)
    })
  })
}
