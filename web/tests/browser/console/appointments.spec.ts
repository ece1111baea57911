import { expect, expectAccessible, shoot, signInStaff, test, watch } from '../support/test'
import { book, fill, inDays } from './data'

test('a sign-in on one console is heard on another', async ({ page, demo, browser }) => {
  await signInStaff(page, demo)
  const id = await book(page.request, demo, { day: inDays(3), hour: 9, minute: 0, name: '赵敏' })

  const context = await browser.newContext({ baseURL: demo.url, locale: 'zh-CN' })
  const other = await context.newPage()
  const complaints: string[] = []
  watch(other, complaints)
  await signInStaff(other, demo)
  // What is heard: tones are started.
  await other.addInitScript(() => {
    const start = OscillatorNode.prototype.start
    OscillatorNode.prototype.start = function (when) {
      document.documentElement.dataset['tones'] = String(
        Number(document.documentElement.dataset['tones'] ?? 0) + 1,
      )
      start.call(this, when)
    }
  })
  await other.goto('/console/')
  await expect(other.getByText('实时连接正常')).toBeVisible()
  await expect(other.getByText('还没有新的签到')).toBeVisible()

  await page.goto(`/console/calendar?view=day&day=${inDays(3)}`)
  await page.getByRole('button', { name: '为 赵敏 签到' }).click()
  await expect(page.getByText('赵敏 已签到')).toBeVisible()
  await expect(page.getByRole('button', { name: '为 赵敏 签到' })).toHaveCount(0)

  await expect(other.getByText('赵敏 已签到')).toBeVisible()
  await expect(other.locator('html')).toHaveAttribute('data-tones', '2')
  await other.getByRole('switch', { name: '提示音' }).press('Space')
  const silent = await book(page.request, demo, { day: inDays(3), hour: 9, minute: 10, name: '周芷若' })
  await page.request.post('/v1/sign-in', { data: { appintment_id: silent } })
  await expect(other.getByText('周芷若 已签到')).toBeVisible()
  await expect(other.locator('html')).toHaveAttribute('data-tones', '2')
  await shoot(other, 'console-live')
  expect(complaints).toEqual([])
  await context.close()
  expect(id).toBeGreaterThan(0)
})

test('the connection comes back by itself, and the numbers with it', async ({ page, demo, context }) => {
  await signInStaff(page, demo)
  await page.goto('/console/')
  await expect(page.getByText('实时连接正常')).toBeVisible()
  await context.setOffline(true)
  await expect(page.getByText('网络已断开，恢复后会自动继续')).toBeVisible()
  await context.setOffline(false)
  await expect(page.getByText('网络已断开，恢复后会自动继续')).toBeHidden()
  await expect(page.getByText('实时连接正常')).toBeVisible()
})

test('an appointment is found and cancelled, and its slot is free', async ({ page, demo }) => {
  await signInStaff(page, demo)
  const name = `郭靖${Date.now() % 1000}`
  await book(page.request, demo, { day: inDays(4), hour: 10, minute: 30, name })
  await page.goto('/console/appointments')
  await page.getByLabel('姓名').fill(name)
  await page.getByRole('button', { name: '查询' }).click()
  await expect(page.getByText('共 1 条')).toBeVisible()
  await page.getByRole('button', { name: `取消 ${name} 的预约` }).click()
  const question = page.getByRole('dialog')
  await expect(question).toContainText(`${inDays(4)} 10:30`)
  await question.getByRole('button', { name: '取消预约' }).click()
  await expect(page.getByText('预约已取消')).toBeVisible()
  await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('已取消')
  await page.goto(`/console/calendar?view=day&day=${inDays(4)}`)
  await expect(page.getByRole('listitem').filter({ hasText: '10:30' })).toContainText('空闲')
})

test('a list is saved as a file', async ({ page, demo }) => {
  await fill(page, demo)
  await page.goto('/console/appointments')
  await expect(page.getByText('欧阳娜娜')).toBeVisible()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: '导出 CSV' }).click(),
  ])
  expect(download.suggestedFilename()).toMatch(/^预约-\d{4}-\d\d-\d\d\.csv$/)
  const chunks: Buffer[] = []
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
  const csv = Buffer.concat(chunks).toString('utf8')
  expect(csv.startsWith('\uFEFF预约编号,预约时间,姓名,手机号,状态,')).toBe(true)
  expect(csv).toContain(`,${inDays(2)} 15:50,欧阳娜娜,13900000001,已预约,`)
})

test('a schedule is tried, warns of appointments outside, and is saved', async ({ page, demo }) => {
  await signInStaff(page, demo)
  await book(page.request, demo, { day: inDays(5), hour: 15, minute: 0, name: '令狐冲' })
  await page.goto('/console/schedule')
  await expect(page.getByText('30 个时段').first()).toBeVisible()
  const save = page.getByRole('main').getByRole('button', { name: '保存排班' })
  await expect(save).toBeDisabled()

  // Every day from nine to twelve: the appointment at three is outside.
  await page.getByRole('button', { name: '删除周一第 2 段' }).click()
  await page.getByLabel('周一第 1 段结束时间').fill('8:30')
  await expect(page.getByRole('alert').filter({ hasText: '结束时间应晚于开始时间' })).toBeVisible()
  await expect(save).toBeDisabled()
  await page.getByLabel('周一第 1 段结束时间').fill('1200')
  await page.keyboard.press('Tab')
  await expect(page.getByLabel('周一第 1 段结束时间')).toHaveValue('12:00')
  await page.getByRole('button', { name: '把周一的时段复制到每一天' }).click()
  await expect(page.getByText('18 个时段').first()).toBeVisible()
  await expect(page.getByText(/有 \d+ 个已有预约不在新的开放时间内/)).toBeVisible()
  await expect(page.getByText(`${inDays(5)} 15:00 令狐冲`)).toBeVisible()
  await expectAccessible(page)
  await shoot(page, 'console-schedule-warning')

  // Leaving asks; staying keeps what was typed.
  await page.getByRole('link', { name: '今日概览' }).click()
  await page.getByRole('dialog').getByRole('button', { name: '取消' }).click()
  await expect(page.getByLabel('周日第 1 段结束时间')).toHaveValue('12:00')

  await save.click()
  await page.getByRole('dialog').getByRole('button', { name: '保存排班' }).click()
  await expect(page.getByText('排班已保存，立即生效')).toBeVisible()
  await expect(save).toBeDisabled()
  const hours = (await (
    await page.request.post('/v1/available-hours/list', { data: { day: inDays(6) } })
  ).json()) as {
    data: { hour: number }[]
  }
  expect(hours.data.map(({ hour }) => hour)).toEqual([9, 10, 11])
  await page.goto(`/console/calendar?view=day&day=${inDays(5)}`)
  await expect(page.getByText('令狐冲')).toBeVisible()

  // As it was, for the tests that come after it.
  await page.goto('/console/schedule')
  await page.getByLabel('周一第 1 段结束时间').fill('11:00')
  await page.getByRole('button', { name: '周一加一段' }).click()
  await page.getByLabel('周一第 2 段开始时间').fill('13:00')
  await page.getByLabel('周一第 2 段结束时间').fill('16:00')
  await page.getByRole('button', { name: '把周一的时段复制到每一天' }).click()
  await expect(page.getByText('30 个时段').first()).toBeVisible()
  await save.click()
  await expect(page.getByText('排班已保存，立即生效')).toBeVisible()
})
