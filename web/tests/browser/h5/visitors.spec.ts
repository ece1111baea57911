import type { Page } from '@playwright/test'

import { agree, another, expect, inspect, test } from './support'

// Whole stories, each step looked at by axe.
test.setTimeout(120_000)

async function bindVisitor(page: Page, phone: string): Promise<void> {
  await page.goto('/h5/visitors')
  await page.getByLabel('手机号码').fill(phone)
  await page.getByRole('button', { name: '绑定身份' }).click()
  await expect(page.getByRole('link', { name: '申请来访' })).toBeVisible()
}

async function bindEmployee(page: Page, name: string, phone: string): Promise<void> {
  await page.goto('/h5/visitors')
  await page.getByRole('radio', { name: '员工' }).check()
  await page.getByLabel('姓名').fill(name)
  await page.getByLabel('手机号码').fill(phone)
  await page.getByRole('button', { name: '绑定身份' }).click()
}

async function apply(page: Page, visitor: string, [interviewee, phone]: [string, string]): Promise<void> {
  await page.getByRole('link', { name: '申请来访' }).click()
  await page.getByLabel('访客姓名').fill(visitor)
  await page.getByLabel('被访人姓名').fill(interviewee)
  await page.getByLabel('被访人手机号码').fill(phone)
}

test('a visit, from binding to the pass', async ({ page }) => {
  await page.goto('/h5/visitors')
  await expect(page.getByRole('heading', { name: '绑定身份' })).toBeVisible()
  await inspect(page, 'visitors-bind')
  await page.getByRole('button', { name: '绑定身份' }).click()
  await expect(page.getByLabel('手机号码')).toHaveAccessibleDescription('请填写 5 至 20 位电话号码')
  await bindVisitor(page, '13900000001')
  await inspect(page, 'visitors-visitor')

  await apply(page, '张三', ['李四', '13811111111'])
  await page.getByLabel('访客单位').fill('宏图科技有限公司')
  await page.getByRole('button', { name: '添加随行人员' }).click()
  await page.getByRole('button', { name: '提交申请' }).click()
  const companion = page.getByRole('group', { name: '随行人员 1' })
  await expect(companion.getByLabel('姓名')).toHaveAccessibleDescription('请填写')
  await inspect(page, 'visitors-apply')
  await companion.getByLabel('姓名').fill('王某')
  await companion.getByLabel('手机号码').fill('13900000002')
  await page.getByRole('button', { name: '提交申请' }).click()
  const record = page.getByRole('listitem').filter({ hasText: '张三' })
  await expect(record).toContainText('待审批')
  await expect(record).toContainText('王某 13900000002')
  await inspect(page, 'visitors-records')

  await another(page, async (employee) => {
    await bindEmployee(employee, '李四', '13811111111')
    await expect(employee.getByRole('link', { name: '待我审批' })).toBeVisible()
    await inspect(employee, 'visitors-employee')
    await employee.getByRole('link', { name: '待我审批' }).click()
    const waiting = employee.getByRole('listitem').filter({ hasText: '13900000001' })
    await inspect(employee, 'visitors-approvals')
    await waiting.getByRole('button', { name: '同意' }).click()
    await expect(waiting).toContainText('已通过')
    await expect(waiting.getByRole('button', { name: '同意' })).toBeHidden()
    await employee.goto('/h5/visitors')
    await employee.getByRole('button', { name: '解除绑定' }).click()
    await agree(employee)
    await expect(employee.getByRole('heading', { name: '绑定身份' })).toBeVisible()
  })

  await page.reload()
  await expect(record).toContainText('已通过')
  const signedIn = await page.request.post('/v1/visit/signin', { data: { phone: '13900000001' } })
  expect(await signedIn.json()).toMatchObject({ code: 0 })
  await page.reload()
  await expect(record).toContainText('已签到')
  await record.getByRole('button', { name: '通行二维码' }).click()
  await expect(page.getByRole('img', { name: '二维码：张三的通行码' })).toBeVisible()
  await expect(page.getByRole('img', { name: '二维码：王某的通行码' })).toBeVisible()
  await inspect(page, 'visitors-passes')
})

test('a refusal has its reason', async ({ page }) => {
  await bindVisitor(page, '13900000011')
  await apply(page, '赵六', ['富贵', '13822222222'])
  await page.getByRole('button', { name: '提交申请' }).click()
  await expect(page.getByRole('listitem').filter({ hasText: '赵六' })).toContainText('待审批')
  await another(page, async (employee) => {
    await bindEmployee(employee, '富贵', '13822222222')
    await employee.getByRole('link', { name: '待我审批' }).click()
    const waiting = employee.getByRole('listitem').filter({ hasText: '赵六' })
    await waiting.getByRole('button', { name: '拒绝' }).click()
    await waiting.getByRole('button', { name: '确认拒绝' }).click()
    await expect(waiting.getByLabel('拒绝原因')).toHaveAccessibleDescription('请填写')
    await inspect(employee, 'visitors-refuse')
    await waiting.getByLabel('拒绝原因').fill('当天出差')
    await waiting.getByRole('button', { name: '确认拒绝' }).click()
    await expect(waiting).toContainText('拒绝原因：当天出差')
  })
  await page.reload()
  await expect(page.getByRole('listitem').filter({ hasText: '赵六' })).toContainText('拒绝原因：当天出差')
})

test('an employee invites, and unbinds', async ({ page }) => {
  await bindEmployee(page, '王芳', '13833333339')
  await expect(page.getByLabel('手机号码')).toHaveAccessibleDescription(/员工名单中没有该姓名和手机号码/)
  await page.getByLabel('手机号码').fill('13833333333')
  await page.getByRole('button', { name: '绑定身份' }).click()
  await page.getByRole('link', { name: '邀请访客' }).click()
  await page.getByLabel('访客姓名').fill('钱七')
  await page.getByLabel('访客手机号码').fill('13833333333')
  await page.getByRole('button', { name: '发出邀请' }).click()
  await expect(page.getByLabel('访客手机号码')).toHaveAccessibleDescription(
    '访客和被访人不能是同一个手机号码',
  )
  await page.getByLabel('访客手机号码').fill('13900000021')
  await inspect(page, 'visitors-invite')
  await page.getByRole('button', { name: '发出邀请' }).click()
  await expect(page.getByRole('listitem').filter({ hasText: '钱七' })).toContainText('已通过')
  await page.goto('/h5/visitors')
  await page.getByRole('button', { name: '解除绑定' }).click()
  await agree(page)
  await expect(page.getByRole('heading', { name: '绑定身份' })).toBeVisible()
})

test('an application that is being written survives a reload', async ({ page }) => {
  await bindVisitor(page, '13900000031')
  await apply(page, '孙八', ['李四', '13811111111'])
  await page.reload()
  await expect(page.getByLabel('访客姓名')).toHaveValue('孙八')
  await expect(page.getByLabel('被访人手机号码')).toHaveValue('13811111111')
})

test('where callers must prove who they are, WeChat is asked', async ({ page }) => {
  await page.route('**/auth/session', (route) =>
    route.fulfill({ json: { mode: 'enforced', weixinUserId: '' } }),
  )
  await page.goto('/h5/visitors')
  const link = page.getByRole('link', { name: '微信授权' })
  await expect(link).toHaveAttribute('href', '/auth/wechat/start?next=%2Fh5%2Fvisitors')
  await inspect(page, 'visitors-verify')
  await page.goto('/h5/visitors/records')
  await expect(page).toHaveURL(/\/h5\/visitors$/)
})
