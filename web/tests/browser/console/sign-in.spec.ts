import { expect, expectAccessible, expectNoOverflow, shoot, signInStaff, test, WIDTHS } from '../support/test'

// What Chromium itself says of an answer that refuses.
test.use({ allowed: ['/admin/v1/session', '401 (Unauthorized)'] })

test('a wrong password is told kindly, and the right one leads where one wanted to go', async ({ page }) => {
  await page.goto('/console/appointments')
  await expect(page).toHaveURL(/\/console\/sign-in\?to=/)
  await page.getByRole('button', { name: '登录' }).click()
  await expect(page.getByText('请填写用户名')).toBeVisible()
  await page.getByLabel('用户名').fill('admin')
  await page.getByLabel('密码').fill('wrong-password')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('alert').filter({ hasText: '用户名或密码错误' })).toBeVisible()
  await expect(page.getByLabel('密码')).toHaveValue('wrong-password')
  await page.getByLabel('密码').fill('demo-admin')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/\/console\/appointments$/)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('预约查询')
})

test('after ten wrong passwords it says how long to wait', async ({ page, demo }) => {
  for (let guess = 0; guess < 10; guess += 1) {
    await page.request.post(`${demo.url}/admin/v1/session`, {
      data: { username: 'nobody', password: 'guess-guess' },
    })
  }
  await page.goto('/console/sign-in')
  await page.getByLabel('用户名').fill('nobody')
  await page.getByLabel('密码').fill('guess-guess')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('alert').filter({ hasText: /请 1[0-5] 分钟后再试/ })).toBeVisible()
})

test('a session that ended asks for the password over the page', async ({ page, demo, context }) => {
  await signInStaff(page, demo)
  await page.goto('/console/appointments')
  await page.getByLabel('姓名').fill('没有这个人')
  await context.clearCookies()
  await page.getByRole('button', { name: '查询' }).click()
  const dialog = page.getByRole('dialog', { name: '登录已过期' })
  await expect(dialog).toBeVisible()
  await dialog.getByLabel('密码').fill('demo-admin')
  await dialog.getByLabel('密码').press('Enter')
  await expect(dialog).toBeHidden()
  await expect(page.getByLabel('姓名')).toHaveValue('没有这个人')
  await page.getByRole('button', { name: '查询' }).click()
  await expect(page.getByText('共 0 条')).toBeVisible()
})

test('who signs out is out, also in another language', async ({ page, demo }) => {
  await signInStaff(page, demo)
  await page.goto('/console/')
  await page.getByRole('button', { name: 'English' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Today')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByLabel('Username')).toBeVisible()
  await page.goto('/console/')
  await expect(page.getByLabel('Username')).toBeVisible()
})

for (const width of WIDTHS) {
  test(`the sign-in page at ${width}`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 })
    await page.goto('/console/sign-in')
    await expect(page.getByLabel('用户名')).toBeVisible()
    await expectAccessible(page)
    await expectNoOverflow(page)
    await shoot(page, 'console-sign-in')
  })
}
