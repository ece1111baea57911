import { call } from '../support/test'
import { agree, codeFor, expect, inspect, logIn, test } from './support'

test.use({ allowed: ['/v1/login/token', '/v1/accounts/me/password'] })
// Whole stories, each step looked at by axe.
test.setTimeout(120_000)

test('a member, from the first code to the password', async ({ page, demo }) => {
  const mobile = '13900002222'
  await page.goto('/h5/me')
  await inspect(page, 'me-out')
  await page.getByRole('button', { name: '登录' }).click()
  await inspect(page, 'login')
  await page.getByRole('button', { name: '获取验证码' }).click()
  await expect(page.getByLabel('手机号')).toHaveAccessibleDescription('请填写 11 位手机号')
  await page.getByLabel('手机号').fill(mobile)
  await page.getByRole('button', { name: '获取验证码' }).click()
  await expect.poll(() => codeFor(page, mobile)).toMatch(/^\d{6}$/)
  const code = await codeFor(page, mobile)
  await page.getByRole('textbox', { name: '验证码' }).fill(code === '000000' ? '000001' : '000000')
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await expect(page.getByRole('textbox', { name: '验证码' })).toHaveAccessibleDescription('错误验证码')
  await inspect(page, 'login-wrong')
  await page.getByRole('textbox', { name: '验证码' }).fill(code)
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await expect(page).toHaveURL(/\/h5\/me$/)
  await expect(page.getByText(mobile)).toBeVisible()
  await inspect(page, 'me')

  await page.getByRole('link', { name: '个人资料' }).click()
  await page.getByLabel('昵称').fill('小张')
  await page.getByRole('radio', { name: '女' }).check()
  await page.getByLabel('省份').selectOption({ label: '广东省' })
  await page.getByLabel('城市').selectOption({ label: '广州市' })
  await inspect(page, 'me-profile')
  await page.getByRole('button', { name: '保存' }).click()
  await expect(page.getByRole('heading', { name: '小张' })).toBeVisible()
  await expect(page.getByText('广东省 广州市')).toBeVisible()

  await page.getByRole('link', { name: '积分' }).click()
  await expect(page.getByText('注册')).toBeVisible()
  await inspect(page, 'me-points')

  const session = (await call(page.request, demo, 'POST', '/admin/v1/session', {
    username: 'admin',
    password: 'demo-admin',
  })) as { token: string }
  const staff = { Authorization: `Bearer ${session.token}` }
  const get = (path: string) => call(page.request, demo, 'GET', path, undefined, staff)
  const [member] = ((await get(`/admin/v1/members?mobile=${mobile}`)) as { items: { id: number }[] }).items
  const [shop] = ((await get('/admin/v1/shops')) as { items: { id: number; name: string }[] }).items
  const path = `/admin/v1/members/${member?.id}/tests`
  await call(page.request, demo, 'POST', path, { shop_id: shop?.id }, staff)
  await page.goto('/h5/me/shops')
  await expect(page.getByRole('heading', { name: shop?.name ?? '' })).toBeVisible()
  await inspect(page, 'me-shops')

  await page.goto('/h5/me/password')
  await page.getByLabel('新密码').fill('12345')
  await page.getByRole('button', { name: '保存' }).click()
  await expect(page.getByLabel('新密码')).toHaveAccessibleDescription('至少 6 个字符')
  await page.getByLabel('新密码').fill('correct horse battery')
  await page.getByRole('button', { name: '保存' }).click()
  await expect(page).toHaveURL(/\/h5\/me$/)
  await page.getByRole('link', { name: '修改密码' }).click()
  await page.getByLabel('原密码').fill('wrong')
  await page.getByLabel('新密码').fill('another horse battery')
  await page.getByRole('button', { name: '保存' }).click()
  await expect(page.getByLabel('原密码')).toHaveAccessibleDescription('帐号密码错误')
  await inspect(page, 'me-password')

  await page.goto('/h5/me')
  await page.getByRole('button', { name: '退出登录' }).click()
  await agree(page)
  await page.getByRole('button', { name: '登录' }).click()
  await page.getByRole('radio', { name: '密码登录' }).check()
  await page.getByLabel('手机号').fill(mobile)
  await page.getByLabel('密码', { exact: true }).fill('correct horse battery')
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await expect(page.getByRole('heading', { name: '小张' })).toBeVisible()
})

test('a page for members asks for the login and comes back', async ({ page }) => {
  await page.goto('/h5/me/points')
  await expect(page).toHaveURL(/\/h5\/login\?next=\/me\/points$/)
  await logIn(page, '13900003333', 'correct horse battery')
  await expect(page).toHaveURL(/\/h5\/me\/points$/)
})

test('a link from elsewhere cannot choose where a login leads', async ({ page }) => {
  await page.goto('/h5/login?next=//evil.example/')
  await logIn(page, '13900004444')
  await expect(page).toHaveURL(/\/h5\/me$/)
})

test('a path that is nothing says so', async ({ page }) => {
  await page.goto('/h5/nothing')
  await expect(page.getByRole('heading', { name: '没有这个页面' })).toBeVisible()
  await inspect(page, 'missing')
})
