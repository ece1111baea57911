/** What the tests of the phone pages have in common. */
import type { Page } from '@playwright/test'

import { expect, expectAccessible, expectNoOverflow, shoot, test as base } from '../support/test'

export const test = base.extend({ viewport: { width: 390, height: 844 } })
export { expect }

/** A page as it stands: nothing for axe, nothing sideways, and a picture to look at. */
export async function inspect(page: Page, name: string): Promise<void> {
  await expect(page.locator('.van-toast:visible, .van-loading:visible')).toHaveCount(0)
  await expectAccessible(page)
  await expectNoOverflow(page)
  await shoot(page, `h5-${name}`)
}

/** Says yes to a question. */
export async function agree(page: Page): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name: '确定' }).click()
}

/** Another person with another phone. */
export async function another(page: Page, use: (page: Page) => Promise<void>): Promise<void> {
  const browser = page.context().browser()
  if (browser === null) throw new Error('no browser')
  const options = { viewport: page.viewportSize(), locale: 'zh-CN', timezoneId: 'Asia/Shanghai' }
  const context = await browser.newContext({ ...options, baseURL: new URL(page.url()).origin })
  await use(await context.newPage())
  await context.close()
}

/** The last login code that was sent to a mobile number. */
export async function codeFor(page: Page, mobile: string): Promise<string> {
  const messages = await page.request.get(`/demo/messages?phone=${mobile}`)
  const [last] = (await messages.json()) as { params: { code: string } }[]
  return last?.params.code ?? ''
}

/** Logs a member in by code, from the login page on. */
export async function logIn(page: Page, mobile: string, password = ''): Promise<void> {
  await page.getByLabel('手机号').fill(mobile)
  await page.getByRole('button', { name: '获取验证码' }).click()
  await expect(page.getByRole('button', { name: /秒后可重发/ })).toBeVisible()
  await expect.poll(() => codeFor(page, mobile)).toMatch(/^\d{6}$/)
  await page.getByRole('textbox', { name: '验证码' }).fill(await codeFor(page, mobile))
  if (password !== '') await page.getByLabel('设置密码').fill(password)
  await page.getByRole('button', { name: '登录', exact: true }).click()
}
