import { expect, expectAccessible, expectNoOverflow, shoot, test, WIDTHS } from '../support/test'
import { fill, inDays } from './data'

/** What each page shows of the data, and its name in the screenshots. */
const PAGES = [
  { name: 'dashboard', path: '', heading: '今日概览', shows: '最近 30 天' },
  { name: 'calendar-week', path: `calendar?view=week&day=${inDays(1)}`, heading: '预约日历', shows: '09:00' },
  { name: 'calendar-day', path: `calendar?view=day&day=${inDays(1)}`, heading: '预约日历', shows: '张三丰' },
  { name: 'appointments', path: 'appointments', heading: '预约查询', shows: '欧阳娜娜' },
  { name: 'schedule', path: 'schedule', heading: '排班设置', shows: '30 个时段' },
  { name: 'members', path: 'members', heading: '会员查询', shows: '会员1111' },
  { name: 'shops', path: 'shops', heading: '门店', shows: '爱美兔国贸店' },
  { name: 'brands', path: 'brands', heading: '品牌', shows: '王美丽' },
  { name: 'messages', path: 'messages', heading: '消息发送', shows: '登录验证码' },
  { name: 'devices', path: 'devices', heading: '设备', shows: '一楼大厅闸机' },
  { name: 'staff', path: 'staff', heading: '员工帐号', shows: 'xiaolin' },
  { name: 'api-keys', path: 'api-keys', heading: 'API 密钥', shows: '报表程序' },
  { name: 'audit', path: 'audit', heading: '操作记录', shows: 'appointment.cancel' },
  { name: 'missing', path: 'nothing', heading: '没有这个页面', shows: '回到首页' },
]

for (const { name, path, heading, shows } of PAGES) {
  test(`${name} opens with data, at every width`, async ({ page, demo }) => {
    await fill(page, demo)
    await page.setViewportSize({ width: WIDTHS[0], height: 900 })
    await page.goto(`/console/${path}`)
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible()
      await expect(page.getByText(shows).first()).toBeVisible()
      // Between the two there is nothing else to see.
      if (width !== 768) await expectAccessible(page)
      await expectNoOverflow(page)
      await shoot(page, `console-${name}`)
    }
  })
}

test('the menu opens on a phone, and leads on', async ({ page, demo }) => {
  await fill(page, demo)
  await page.setViewportSize({ width: 390, height: 800 })
  await page.goto('/console/')
  await page.getByRole('button', { name: '菜单' }).click()
  const menu = page.getByRole('dialog')
  await expect(menu.getByRole('link', { name: '今日概览' })).toHaveAttribute('aria-current', 'page')
  await expectAccessible(page)
  await shoot(page, 'console-menu')
  await menu.getByRole('link', { name: '预约日历' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('预约日历')
  await expect(menu).toBeHidden()
})

test('an auditor sees everything and changes nothing', async ({ page, demo }) => {
  await fill(page, demo)
  const account = { username: `auditor-${Date.now()}`, password: 'a long enough secret', role: 'auditor' }
  expect(
    (await page.request.post('/admin/v1/staff', { data: account, headers: { Origin: demo.url } })).ok(),
  ).toBe(true)
  await page.request.post('/admin/v1/session', { data: account })
  for (const [path, action] of [
    ['appointments', '签到'],
    ['schedule', '保存排班'],
    ['members', '积分变更'],
    ['shops', '新增门店'],
    ['brands', '新增品牌'],
    ['devices', '添加设备'],
    ['staff', '添加员工'],
    ['api-keys', '添加密钥'],
  ] as const) {
    await page.goto(`/console/${path}`)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await expect(
      page.getByRole('button', { name: '刷新' }).or(page.getByText('只有管理员可以修改排班')),
    ).toBeVisible()
    await expect(page.getByRole('button', { name: action })).toHaveCount(0)
  }
})
