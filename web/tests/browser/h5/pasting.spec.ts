/** Numbers are pasted as others write them: none is cut, all are cleaned before they are checked. */
import type { Locator, Page } from '@playwright/test'

import { codeFor, expect, test } from './support'

test.use({ permissions: ['clipboard-read', 'clipboard-write'] })

async function paste(page: Page, field: Locator, text: string): Promise<void> {
  await page.evaluate((copied) => navigator.clipboard.writeText(copied), text)
  await field.focus()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.press('ControlOrMeta+V')
}

test('a booking takes a phone as it was copied', async ({ page }) => {
  await page.goto('/h5/')
  const times = page.getByRole('group', { name: '时间' }).locator('label:not(.off)')
  await times.first().click()
  await page.getByLabel('姓名').fill('张三')
  const phone = page.getByLabel('手机号')
  await paste(page, phone, '138 1111 1111 2')
  await page.getByRole('button', { name: /^预约 / }).click()
  await expect(phone).toHaveValue('138111111112')
  await expect(phone).toHaveAccessibleDescription('请填写 11 位手机号')

  await paste(page, phone, '138 1111 1111')
  await expect(phone).toHaveValue('13811111111')
  const sent = page.waitForRequest('**/v1/make-appointment')
  await page.getByRole('button', { name: /^预约 / }).click()
  expect((await sent).postDataJSON()).toMatchObject({ phone_num: '13811111111' })
  await expect(page.getByRole('heading', { name: '预约成功' })).toBeVisible()
})

test('a login takes a phone and a code as they were copied', async ({ page }) => {
  const mobile = '13900005555'
  await page.goto('/h5/login')
  const [phone, code] = [page.getByLabel('手机号'), page.getByRole('textbox', { name: '验证码' })]
  await paste(page, phone, '+86 139-0000-5555')
  await expect(phone).toHaveValue(mobile)
  await page.getByRole('button', { name: '获取验证码' }).click()
  await expect.poll(() => codeFor(page, mobile)).toMatch(/^\d{6}$/)
  const given = await codeFor(page, mobile)
  await paste(page, code, `${given}7`)
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await expect(code).toHaveValue(`${given}7`)
  await expect(code).toHaveAccessibleDescription('请填写 6 位验证码')
  await paste(page, code, `${given.slice(0, 3)} ${given.slice(3)}`)
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await expect(page.getByText(mobile)).toBeVisible()
})

test('the other pages take phones as they were copied, too', async ({ page }) => {
  await page.goto('/h5/visitors')
  const phone = page.getByLabel('手机号')
  await paste(page, phone, '+86 (139) 0000 4444')
  await expect(phone).toHaveValue('+8613900004444')
})

test('a number that is keyed in is not cut', async ({ page }) => {
  await page.goto('/kiosk/')
  await page.getByRole('button', { name: /预约签到/ }).click()
  const field = page.getByRole('textbox')
  await paste(page, field, '1234 5678 9012 3456 7')
  await expect(field).toHaveValue('12345678901234567')
  await page.getByRole('button', { name: '签到', exact: true }).click()
  await expect(page.getByRole('alert')).not.toBeEmpty()
})
