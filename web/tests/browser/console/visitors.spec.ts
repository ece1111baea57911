/** The visitors' pages of the console: each with data, and what is done on it. */
import type { APIRequestContext, Page } from '@playwright/test'

import type { Demo } from '../support/demo'
import {
  call,
  expect,
  expectAccessible,
  expectNoOverflow,
  shoot,
  signInStaff,
  test as base,
  WIDTHS,
} from '../support/test'

const NOW = Math.floor(Date.now() / 1000)
const MINUTE = 60
const HOUR = 3600

interface Data {
  data: { id: number }
}

/** A visit of two hours that is under way; gives its record's id. */
async function apply(
  request: APIRequestContext,
  demo: Demo,
  visit: Record<string, unknown>,
): Promise<number> {
  const body = {
    subject_type: 1,
    purpose: 2,
    come_from: '中运科技',
    interviewee: '李四',
    interviewee_phone: '13811111111',
    start_time: NOW - 10 * MINUTE,
    end_time: NOW + 2 * HOUR,
    ...visit,
  }
  return ((await call(request, demo, 'POST', '/v1/subject', body)) as Data).data.id
}

/** A visitor of this name, who asked for it. */
const asking = (name: string, phone: string) => ({ name, phone, proposer: phone })

async function token(request: APIRequestContext, demo: Demo): Promise<Record<string, string>> {
  const login = { username: 'admin', password: 'demo-admin' }
  const session = (await call(request, demo, 'POST', '/admin/v1/session', login)) as { token: string }
  return { Authorization: `Bearer ${session.token}` }
}

/** A demo with visits in every state. */
const test = base.extend<object, { filled: undefined }>({
  filled: [
    async ({ demo, playwright }, use) => {
      const request = await playwright.request.newContext()
      await apply(request, demo, {
        ...asking('陈晓明', '13900000001'),
        remark: '请带身份证\n车牌 京A12345',
        retinues: [{ name: '孙丽', phone: '13900000002', photo: '' }],
      })
      const refused = await apply(request, demo, asking('钱多多', '13900000003'))
      const decision = { decision: 'refuse', reason: '当天出差，请改到下周' }
      await call(request, demo, 'PUT', `/v1/auth/${refused}`, decision)
      await apply(request, demo, { ...asking('周文', '13900000004'), proposer: '13811111111' })
      await apply(request, demo, {
        ...asking('欧阳娜娜', '13900000005'),
        proposer: '13822222222',
        interviewee: '富贵',
        interviewee_phone: '13822222222',
        come_from: '上海很长名字的人力资源服务股份有限公司',
        purpose: 1,
        retinues: [
          { name: '冯军', phone: '13900000006', photo: '' },
          { name: 'Alexander Hamilton-Smith', phone: '+4915112345678', photo: '' },
        ],
      })
      const signedIn = { phone: '13900000005' }
      const pass = (await call(request, demo, 'POST', '/v1/visit/signin', signedIn)) as {
        data: { qrcode: string }
      }
      await call(request, demo, 'POST', '/v1/visit/qrcode', { qrcode: pass.data.qrcode })
      const staff = await token(request, demo)
      const blocked = { phone: '13700000001', reason: '曾冒用他人身份证' }
      await call(request, demo, 'POST', '/admin/v1/blocklist', blocked, staff)
      await request.dispose()
      await use(undefined)
    },
    { scope: 'worker', timeout: 60_000 },
  ],
})
test.beforeEach(({ filled }) => expect(filled).toBeUndefined())

async function open(page: Page, demo: Demo, path: string): Promise<void> {
  await signInStaff(page, demo)
  await page.goto(`/console/${path}`)
}

// Three widths with axe at each take their time on a busy machine.
test.describe.configure({ timeout: 180_000 })

const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name })
const dialog = (page: Page, title: string | RegExp) => page.getByRole('dialog', { name: title })
const told = (page: Page, words: string) => page.locator('.el-message').filter({ hasText: words })
const field = (page: Page, label: string) =>
  page.locator('input').and(page.getByLabel(label, { exact: true }))

/** Each page, and something that it shows when it has its data. */
const PAGES = [
  { path: 'visits', shows: '陈晓明' },
  { path: 'on-site', shows: '欧阳娜娜' },
  { path: 'evacuation', shows: '欧阳娜娜' },
  { path: 'scans', shows: '放行' },
  { path: 'blocklist', shows: '13700000001' },
  { path: 'visitor-servers', shows: '考拉人脸识别主机' },
  { path: 'visitor-templates', shows: '审批提醒（给员工）' },
  { path: 'erase', shows: '清除后不能恢复' },
]

for (const { path, shows } of PAGES) {
  test(`/${path} opens at every width`, async ({ page, demo }) => {
    await open(page, demo, path)
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      await expect(page.getByText(shows).first()).toBeVisible()
      await expectNoOverflow(page)
      await expectAccessible(page)
      await shoot(page, `visitors-${path}`)
    }
  })
}

test('a visit is looked at with its people, passes and scans', async ({ page, demo }) => {
  await open(page, demo, 'visits')
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    await row(page, '欧阳娜娜').getByRole('button', { name: '详情' }).click()
    const details = dialog(page, '欧阳娜娜 的来访')
    await expect(details.getByText('Alexander Hamilton-Smith')).toBeVisible()
    await expect(details.getByRole('img', { name: '欧阳娜娜 的通行码' })).toBeVisible()
    await expect(details.getByText('放行')).toBeVisible()
    await expectNoOverflow(page)
    await expectAccessible(page)
    await shoot(page, 'visitors-visit')
    await page.keyboard.press('Escape')
    await expect(details).toBeHidden()
  }
})

test('visits are found by every filter', async ({ page, demo }) => {
  await open(page, demo, 'visits')
  await expect(row(page, '钱多多')).toBeVisible()
  const search = page.getByRole('button', { name: '查询' })
  const filters: [string, string, string, string][] = [
    ['访客姓名', '欧阳', '欧阳娜娜', '钱多多'],
    ['访客手机号码', '13900000003', '钱多多', '欧阳娜娜'],
    ['被访人', '富贵', '欧阳娜娜', '钱多多'],
    ['被访人手机号码', '13822222222', '欧阳娜娜', '钱多多'],
    ['申请人手机号码', '13900000003', '钱多多', '欧阳娜娜'],
  ]
  for (const [label, value, found, missed] of filters) {
    await field(page, label).fill(value)
    await search.click()
    await expect(row(page, missed)).toBeHidden()
    await expect(row(page, found)).toBeVisible()
    await page.getByRole('button', { name: '清空条件' }).click()
    await expect(row(page, missed)).toBeVisible()
  }
  await field(page, '访客姓名').fill('没有这个人')
  await page.keyboard.press('Enter')
  await expect(page.getByText('没有符合条件的记录')).toBeVisible()
  await page.getByRole('button', { name: '清空条件' }).click()
  await field(page, '授权').press('Enter')
  await page.getByRole('option', { name: '已授权' }).click()
  await search.click()
  await expect(row(page, '钱多多')).toBeHidden()
  await expect(row(page, '周文')).toBeVisible()
  await field(page, '来访时间从').fill('2030-01-01 08:00')
  await page.keyboard.press('Enter')
  await search.click()
  await expect(page.getByText('没有符合条件的记录')).toBeVisible()
})

test('a visit is authorised, once', async ({ page, demo, request }) => {
  await apply(request, demo, asking('批准我', '13900000101'))
  await open(page, demo, 'visits')
  const calls: string[] = []
  page.on('request', (sent) => {
    if (sent.url().includes('/v1/auth/')) calls.push(sent.method())
  })
  await row(page, '批准我').getByRole('button', { name: /^授权/ }).dblclick()
  await expect(told(page, '已授权')).toBeVisible()
  await expect(row(page, '批准我').getByText('已授权')).toBeVisible()
  await expect(row(page, '批准我').getByRole('button', { name: /^授权/ })).toHaveCount(0)
  expect(calls).toEqual(['PUT'])
})

test.describe('when a refusal fails', () => {
  test.use({ allowed: ['503', 'Failed to load'] })

  test('the reason is kept, and it goes through the second time', async ({ page, demo, request }) => {
    await apply(request, demo, asking('何必来', '13900000102'))
    await open(page, demo, 'visits')
    await row(page, '何必来').getByRole('button', { name: /^拒绝/ }).click()
    const form = dialog(page, '拒绝 何必来 来访')
    await form.getByRole('button', { name: /^拒绝/ }).click()
    await expect(form.getByText('必填')).toBeVisible()
    await expectAccessible(page)
    await shoot(page, 'visitors-refuse')
    await page.route('**/v1/auth/*', (route) =>
      route.fulfill({ status: 503, json: { code: 503, err_msg: '忙' } }),
    )
    await form.getByLabel('拒绝原因').fill('会议室都满了')
    await form.getByRole('button', { name: /^拒绝/ }).click()
    await expect(form.getByText('服务暂时不可用')).toBeVisible()
    await expect(form.getByLabel('拒绝原因')).toHaveValue('会议室都满了')
    await page.unroute('**/v1/auth/*')
    await form.getByRole('button', { name: /^拒绝/ }).click()
    await expect(form).toBeHidden()
    await expect(row(page, '何必来').getByText('已拒绝')).toBeVisible()
    await row(page, '何必来').getByRole('button', { name: '详情' }).click()
    await expect(page.getByText('会议室都满了')).toBeVisible()
  })
})

test('a visit is deleted after a question', async ({ page, demo, request }) => {
  await apply(request, demo, asking('删除我', '13900000103'))
  await open(page, demo, 'visits')
  await row(page, '删除我').getByRole('button', { name: '详情' }).click()
  const details = dialog(page, '删除我 的来访')
  await details.getByRole('button', { name: /^删除/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: '取消' }).click()
  await expect(details).toBeVisible()
  await details.getByRole('button', { name: /^删除/ }).click()
  await page.locator('.el-message-box').getByRole('button', { name: '删除' }).click()
  await expect(details).toBeHidden()
  await expect(row(page, '删除我')).toHaveCount(0)
})

test('what the filters leave is saved as a file', async ({ page, demo }) => {
  await open(page, demo, 'visits')
  await field(page, '访客姓名').fill('欧阳')
  await page.getByRole('button', { name: '查询' }).click()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: '导出 CSV' }).click()
  const file = await saved
  expect(file.suggestedFilename()).toMatch(/^访客记录-\d{4}-\d\d-\d\d\.csv$/)
  const text = await (await import('node:fs/promises')).readFile(await file.path(), 'utf8')
  expect(text).toContain('欧阳娜娜')
  expect(text).toContain('冯军')
  expect(text).not.toContain('钱多多')
})

test('somebody who forgot to sign out is signed out', async ({ page, demo, request }) => {
  await apply(request, demo, { ...asking('忘记签退', '13900000104'), proposer: '13811111111' })
  await call(request, demo, 'POST', '/v1/visit/signin', { phone: '13900000104' })
  await open(page, demo, 'on-site')
  await row(page, '忘记签退').getByRole('button', { name: '签退' }).click()
  await expect(told(page, '忘记签退 已签退')).toBeVisible()
  await expect(row(page, '忘记签退')).toHaveCount(0)
})

test('the evacuation list is ticked off and printed by department', async ({ page, demo }) => {
  await open(page, demo, 'on-site')
  await page.getByRole('button', { name: '疏散名单' }).click()
  await expect(page.getByRole('heading', { name: '市场部' })).toBeVisible()
  await page.getByLabel('欧阳娜娜 已到集合点').check()
  await expect(page.getByText('已到集合点 1 人')).toBeVisible()
  await page.getByRole('button', { name: '刷新' }).click()
  await expect(page.getByLabel('欧阳娜娜 已到集合点')).toBeChecked()
  await page.emulateMedia({ media: 'print' })
  await expect(page.getByRole('button', { name: '打印' })).toBeHidden()
  await expect(page.getByRole('navigation')).toBeHidden()
  await expect(page.getByText('Alexander Hamilton-Smith')).toBeVisible()
  await page.setViewportSize({ width: 794, height: 1123 })
  await expectNoOverflow(page)
  await shoot(page, 'visitors-evacuation-print')
})

test.describe('a phone', () => {
  test.use({ allowed: ['400 (Bad Request)'] })

  test('is blocked and taken off again', async ({ page, demo }) => {
    await open(page, demo, 'blocklist')
    await page.getByRole('button', { name: '加入黑名单' }).click()
    const form = dialog(page, '加入黑名单')
    const confirm = form.getByRole('button', { name: '加入黑名单' })
    await confirm.click()
    await expect(form.getByText('请填写手机号码')).toBeVisible()
    await form.getByLabel('手机号码').fill('12')
    await form.getByLabel('原因').fill('多次冒用')
    await confirm.click()
    await expect(form.locator('.el-form-item__error')).toContainText('5')
    await expect(form.getByLabel('原因')).toHaveValue('多次冒用')
    await expectAccessible(page)
    await shoot(page, 'visitors-block')
    await form.getByLabel('手机号码').fill('13700000002')
    await confirm.dblclick()
    await expect(form).toBeHidden()
    await expect(row(page, '13700000002')).toHaveCount(1)
    await row(page, '13700000002').getByRole('button', { name: '移出' }).click()
    await page.locator('.el-message-box').getByRole('button', { name: '移出' }).click()
    await expect(row(page, '13700000002')).toHaveCount(0)
  })
})

test('servers are tried out, saved, and tried in vain', async ({ page, demo, request }) => {
  await open(page, demo, 'visitor-servers')
  const tryOut = page.getByRole('button', { name: '测试连接' })
  await tryOut.click()
  await expect(page.getByText('连接正常，通讯录 3 人')).toBeVisible()
  await expect(page.getByText('连接正常', { exact: true })).toBeVisible()
  await expectAccessible(page)
  await shoot(page, 'visitors-servers-ok')

  await call(request, demo, 'POST', '/demo/faults', { koala: 'down', wechat: 'down' })
  await tryOut.click()
  await expect(page.getByText('连接不上，或者没有及时回应')).toHaveCount(2)
  await expectAccessible(page)
  await page.setViewportSize({ width: 390, height: 900 })
  await expectNoOverflow(page)
  await shoot(page, 'visitors-servers-down')
  await call(request, demo, 'POST', '/demo/faults', { koala: 'ok', wechat: 'ok' })

  const password = field(page, '登录密码')
  const right = await password.inputValue()
  await password.fill('not-the-password')
  await tryOut.click()
  await expect(page.getByText('主机拒绝登录')).toBeVisible()
  await page.getByRole('button', { name: '保存' }).click()
  await expect(told(page, '已保存')).toBeVisible()
  await page.reload()
  await expect(password).toHaveValue('not-the-password')
  await password.fill(right)
  await page.getByRole('button', { name: '保存' }).click()
  await expect(told(page, '已保存')).toBeVisible()

  await field(page, '云端服务地址').fill('ftp://example')
  await page.getByRole('button', { name: '保存' }).click()
  await expect(page.locator('.el-form-item__error')).toContainText('http(s)')
  await expect(field(page, '云端服务地址')).toHaveValue('ftp://example')
  page.once('dialog', (question) => void question.accept())
})

test('templates are changed, and missing ones are pointed out', async ({ page, demo }) => {
  await open(page, demo, 'visitor-templates')
  await expect(page.getByText('模板都已填写')).toBeVisible()
  const template = field(page, '签到成功通知（给访客） 短信模板 ID')
  const before = await template.inputValue()
  await template.fill('')
  await expect(page.getByText('还有 1 个模板没有填写')).toBeVisible()
  await page.getByRole('button', { name: '保存' }).click()
  await expect(page.getByText('请填写模板 ID')).toBeVisible()
  await expectAccessible(page)
  await shoot(page, 'visitors-template-missing')
  await template.fill('SMS_209999999')
  await field(page, '申请回执（给访客） 短信模板 ID').fill('')
  await page.getByRole('button', { name: '保存' }).click()
  await expect(told(page, '已保存')).toBeVisible()
  await page.reload()
  await expect(template).toHaveValue('SMS_209999999')
  await expect(page.getByText('未填写，不发送')).toBeVisible()
  await template.fill(before)
  await page.getByRole('button', { name: '保存' }).click()
  await expect(told(page, '已保存')).toBeVisible()
})

test('a page with unsaved changes is not left by mistake', async ({ page, demo }) => {
  await open(page, demo, 'visitor-templates')
  await field(page, '申请回执（给访客） 微信模板 ID').fill('changed')
  await page.getByRole('link', { name: '黑名单' }).click()
  await page.locator('.el-message-box').getByRole('button', { name: '取消' }).click()
  await expect(field(page, '申请回执（给访客） 微信模板 ID')).toHaveValue('changed')
  await page.getByRole('link', { name: '黑名单' }).click()
  await page.locator('.el-message-box').getByRole('button', { name: '确定' }).click()
  await expect(page.getByRole('heading', { name: '黑名单' })).toBeVisible()
})

test('a person is erased by phone', async ({ page, demo, request }) => {
  await apply(request, demo, asking('忘记我', '13900000105'))
  await open(page, demo, 'erase')
  await page.getByRole('button', { name: '清除' }).click()
  await expect(page.getByText('请填写手机号码')).toBeVisible()
  await field(page, '要清除的手机号码').fill('13900000105')
  await page.keyboard.press('Enter')
  await page.locator('.el-message-box').getByRole('button', { name: '清除' }).click()
  await expect(page.getByText('13900000105 的个人信息已清除')).toBeVisible()
  await expect(page.getByText('来访记录 1 条')).toBeVisible()
  await expectAccessible(page)
  await shoot(page, 'visitors-erased')
  await page.goto('/console/visits')
  await field(page, '访客手机号码').fill('13900000105')
  await page.keyboard.press('Enter')
  await expect(page.getByText('没有符合条件的记录')).toBeVisible()
})

test('who may only read is offered nothing else', async ({ page, demo, request }) => {
  const staff = await token(request, demo)
  const auditor = { username: 'reader', password: 'reader-reads', role: 'auditor' }
  await call(request, demo, 'POST', '/admin/v1/staff', auditor, staff)
  await signInStaff(page, demo, 'reader', 'reader-reads')
  await page.goto('/console/visits')
  await expect(row(page, '陈晓明').getByRole('button', { name: '详情' })).toBeVisible()
  await expect(row(page, '陈晓明').getByRole('button', { name: /^授权/ })).toHaveCount(0)
  await expect(page.getByRole('link', { name: '清除个人信息' })).toHaveCount(0)
  await page.goto('/console/visitor-servers')
  await expect(page.getByText('只有管理员可以修改')).toBeVisible()
  await expect(field(page, '主机地址')).toBeDisabled()
  await expect(page.getByRole('button', { name: '保存' })).toHaveCount(0)
  await expectAccessible(page)
})

test('in English, too', async ({ page, demo }) => {
  await open(page, demo, 'visits')
  await page.getByRole('button', { name: 'English' }).click()
  await expect(page.getByRole('heading', { name: 'Visits' })).toBeVisible()
  await expect(row(page, '陈晓明').getByText('Waiting')).toBeVisible()
  await expectNoOverflow(page)
  await page.setViewportSize({ width: 390, height: 900 })
  await expectNoOverflow(page)
  await shoot(page, 'visitors-visits-en')
})
