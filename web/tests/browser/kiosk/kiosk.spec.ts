import type { APIRequestContext, Page } from '@playwright/test'

import type { Demo } from '../support/demo'
import { book, expect, freshPhone, inMinutes, scan, signIn, test } from '../support/desk'
import { call, expectAccessible, expectNoOverflow, shoot } from '../support/test'

// Many presses, on what may be a busy machine.
test.describe.configure({ timeout: 90_000 })

const PORTRAIT = { width: 1080, height: 1920 }
const LANDSCAPE = { width: 1920, height: 1080 }

/** Presses the keys of the screen. */
async function keyIn(page: Page, number: string): Promise<void> {
  for (const digit of number) await page.getByRole('button', { name: digit, exact: true }).click()
}

/** Books the first free slot of the last day; its number. */
async function makeAppointment(request: APIRequestContext, demo: Demo): Promise<string> {
  const ask = async <Data>(path: string, body: unknown): Promise<Data> => {
    const reply = (await call(request, demo, 'POST', path, body)) as { error_msg: string; data: Data }
    expect(reply.error_msg).toBe('success')
    return reply.data
  }
  const { days } = await ask<{ days: string[] }>('/v1/available-days/list', {})
  const day = days.at(-1)
  const hours = await ask<{ hour: number; status: number }[]>('/v1/available-hours/list', { day })
  const hour = hours.find(({ status }) => status === 0)?.hour
  const { minutes } = await ask<{ minutes: { minute: number; status: number }[] }>(
    '/avaliable-minutes/list',
    { day, hour },
  )
  const minute = minutes.find(({ status }) => status === 0)?.minute
  const phone = freshPhone()
  const booking = { day, hour, minute, open_id: `kiosk-${phone}`, name: '周一', phone_num: phone }
  const booked = await ask<{ appointment_id: number }>('/v1/make-appointment', booking)
  return String(booked.appointment_id)
}

/** Nothing is cut off below: a kiosk has nobody to tell that one can scroll. */
async function expectOneScreen(page: Page): Promise<void> {
  await expectNoOverflow(page)
  const beyond = await page.evaluate(() =>
    [document.documentElement, document.querySelector('main')].map((box) =>
      box ? box.scrollHeight - box.clientHeight : 0,
    ),
  )
  expect(beyond, 'the page scrolls').toEqual([0, 0])
}

for (const [shape, viewport] of [
  ['portrait', PORTRAIT],
  ['landscape', LANDSCAPE],
] as const) {
  test.describe(shape, () => {
    test.use({ viewport, hasTouch: true })

    test('a visitor and a companion sign in, see their codes, and sign out', async ({
      page,
      request,
      demo,
    }) => {
      const visitor = { name: '张三', phone: freshPhone() }
      const companion = { name: '王某', phone: freshPhone() }
      await book(request, demo, visitor, { companions: [companion] })

      await page.goto('/kiosk/')
      await expect(page.getByRole('heading', { name: '您好，欢迎来访' })).toBeVisible()
      await expectAccessible(page)
      await expectOneScreen(page)
      await shoot(page, `kiosk-start-${shape}`)

      await page.getByRole('button', { name: /访客签到/ }).click()
      await keyIn(page, visitor.phone)
      await expect(page.getByLabel('手机号')).toHaveValue(/^139 \d{4} \d{4}$/)
      await expectAccessible(page)
      await expectOneScreen(page)
      await shoot(page, `kiosk-sign-in-${shape}`)

      await page.getByRole('button', { name: '签到', exact: true }).click()
      await expect(page.getByRole('heading', { name: '张三，签到成功' })).toBeVisible()
      for (const { name, phone } of [visitor, companion]) {
        const code = page.getByRole('img', { name: `二维码：${name}` })
        const box = await code.boundingBox()
        expect(Math.min(box?.width ?? 0, box?.height ?? 0), 'large enough to photograph').toBeGreaterThan(400)
        await expect(page.getByText(phone)).toHaveCount(0)
      }
      await expectAccessible(page)
      await expectOneScreen(page)
      await shoot(page, `kiosk-passes-${shape}`)

      await page.getByRole('button', { name: '完成' }).click()
      await page.getByRole('button', { name: /离开签退/ }).click()
      await keyIn(page, visitor.phone)
      await expectOneScreen(page)
      await shoot(page, `kiosk-sign-out-${shape}`)
      await page.getByRole('button', { name: '签退', exact: true }).click()
      await expect(page.getByRole('heading', { name: '已签退，再见' })).toBeVisible()
      await expect(page.getByText('同行还有 1 人没有签退')).toBeVisible()
      await expectAccessible(page)
      await expectOneScreen(page)
      await shoot(page, `kiosk-signed-out-${shape}`)
      await page.getByRole('button', { name: '同行人员一起签退' }).click()
      await expect(page.getByRole('heading', { name: '2 人已签退，再见' })).toBeVisible()
    })

    test('a group turns pages', async ({ page, request, demo }) => {
      const visitor = { name: '赵敏', phone: freshPhone() }
      const companions = Array.from({ length: 5 }, (_, at) => ({
        name: `随行${at + 1}`,
        phone: freshPhone(),
      }))
      await book(request, demo, visitor, { companions })
      await page.goto('/kiosk/')
      await page.getByRole('button', { name: /访客签到/ }).click()
      await keyIn(page, companions[4]?.phone ?? '')
      await page.getByRole('button', { name: '签到', exact: true }).click()
      await expect(page.getByRole('img', { name: /二维码/ })).toHaveCount(4)
      await expectAccessible(page)
      await expectOneScreen(page)
      await shoot(page, `kiosk-group-${shape}`)
      await page.getByRole('button', { name: '下一页' }).click()
      await expect(page.getByRole('img', { name: /二维码/ })).toHaveCount(2)
      await expect(page.getByText('随行5')).toBeVisible()
      await shoot(page, `kiosk-group-2-${shape}`)
    })

    test('one visitor has one large code', async ({ page, request, demo }) => {
      const visitor = { name: '欧阳上官司徒诸葛长孙', phone: freshPhone() }
      await book(request, demo, visitor)
      await page.goto('/kiosk/')
      await page.getByRole('button', { name: /访客签到/ }).click()
      await scan(page, visitor.phone)
      await expect(page.getByRole('heading', { name: /签到成功/ })).toBeVisible()
      await expectOneScreen(page)
      await shoot(page, `kiosk-one-${shape}`)
    })

    test('what is wrong is said in words, and nothing is lost', async ({ page, request, demo }) => {
      const visitor = { name: '孙七', phone: freshPhone() }
      await book(request, demo, visitor, { isAuthorised: false })
      await page.goto('/kiosk/')
      await page.getByRole('button', { name: /访客签到/ }).click()
      const submit = page.getByRole('button', { name: '签到', exact: true })
      await submit.click()
      await expect(page.getByRole('alert').filter({ hasText: '请输入完整的手机号' })).toBeVisible()
      await keyIn(page, visitor.phone)
      await submit.click()
      await expect(page.getByRole('alert').filter({ hasText: '今天的预约尚未通过审批' })).toBeVisible()
      await expect(page.getByLabel('手机号')).not.toHaveValue('')
      await expectAccessible(page)
      await expectOneScreen(page)
      await shoot(page, `kiosk-refused-${shape}`)
      await page.getByRole('button', { name: '删除一位' }).click()
      await expect(page.getByRole('alert').filter({ hasText: /./ })).toHaveCount(0)
    })

    test('an appointment is signed in by its number', async ({ page, request, demo }) => {
      const number = await makeAppointment(request, demo)

      for (const title of ['签到成功', '您已经签到过了']) {
        await page.goto('/kiosk/')
        await page.getByRole('button', { name: /预约签到/ }).click()
        await keyIn(page, number)
        if (title === '签到成功') {
          await expectAccessible(page)
          await expectOneScreen(page)
          await shoot(page, `kiosk-appointment-${shape}`)
        }
        await page.getByRole('button', { name: '签到', exact: true }).click()
        await expect(page.getByRole('heading', { name: title })).toBeVisible()
      }
      await expectOneScreen(page)
      await shoot(page, `kiosk-appointment-done-${shape}`)
      await page.getByRole('button', { name: '完成' }).click()
      await page.getByRole('button', { name: /预约签到/ }).click()
      await keyIn(page, '999999999')
      await page.getByRole('button', { name: '签到', exact: true }).click()
      await expect(page.getByRole('alert').filter({ hasText: '请核对后再试' })).toBeVisible()
    })
  })
}

test.describe('on any screen', () => {
  test.use({ viewport: LANDSCAPE })

  test('a tap twice signs in once', async ({ page, request, demo }) => {
    const visitor = { name: '吴九', phone: freshPhone() }
    await book(request, demo, visitor)
    const sent: string[] = []
    await page.route('**/v1/visit/signin', async (route) => {
      sent.push(route.request().postData() ?? '')
      await new Promise((resolve) => setTimeout(resolve, 300))
      await route.continue()
    })
    await page.goto('/kiosk/')
    await page.getByRole('button', { name: /访客签到/ }).click()
    await keyIn(page, visitor.phone)
    await page.locator('button[type=submit]').dblclick()
    await expect(page.getByRole('heading', { name: '吴九，签到成功' })).toBeVisible()
    expect(sent).toEqual([JSON.stringify({ phone: visitor.phone })])
  })

  test('a keyboard does everything', async ({ page, request, demo }) => {
    const visitor = { name: '郑十', phone: freshPhone() }
    await book(request, demo, visitor)
    await page.goto('/kiosk/')
    const choice = page.getByRole('button', { name: /访客签到/ })
    for (
      let press = 0;
      press < 6 && !(await choice.evaluate((node) => node === document.activeElement));
      press += 1
    ) {
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Enter')
    await page.keyboard.type(`${visitor.phone}7`, { delay: 100 })
    await page.keyboard.press('Backspace')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('heading', { name: '郑十，签到成功' })).toBeVisible()
  })

  test('a code signs its person out, wherever the focus is', async ({ page, request, demo }) => {
    const visitor = { name: '冯二', phone: freshPhone() }
    await book(request, demo, visitor)
    const code = await signIn(request, demo, visitor.phone)
    await page.goto('/kiosk/')
    await page.getByRole('button', { name: /离开签退/ }).click()
    await keyIn(page, '139')
    await scan(page, '{"id":1,"qrcode":"00000000000000000000000000000000"}')
    await expect(page.getByRole('alert').filter({ hasText: '无效的二维码' })).toBeVisible()
    await expect(page.getByLabel('手机号'), 'what was keyed in stays').toHaveValue('139')
    await scan(page, code)
    await expect(page.getByRole('heading', { name: '已签退，再见' })).toBeVisible()
  })

  test('the clock is the one that visits are made by', async ({ page }) => {
    await page.goto('/kiosk/')
    await expect(page.getByText(inMinutes(0).slice(0, 10))).toBeVisible()
    await expect(async () => {
      await expect(page.locator('.clock strong')).toHaveText(inMinutes(0).slice(11), { timeout: 500 })
    }).toPass()
  })

  test('English by a switch, Chinese for the next visitor', async ({ page }) => {
    await page.clock.install()
    await page.goto('/kiosk/')
    await page.getByRole('button', { name: 'English' }).click()
    await expect(page.getByRole('heading', { name: 'Welcome' })).toBeVisible()
    await page.getByRole('button', { name: /^Sign in/ }).click()
    await keyIn(page, '13900000000')
    await page.locator('button[type=submit]').click()
    await expect(
      page.getByRole('alert').filter({ hasText: /Nothing is booked for this phone today\. / }),
    ).toBeVisible()
    await expect(page.locator('html')).toHaveAttribute('lang', 'en')
    await expectAccessible(page)
    await expectOneScreen(page)
    await shoot(page, 'kiosk-english')
    await page.clock.runFor(61_000)
    await expect(page.getByRole('heading', { name: '您好，欢迎来访' })).toBeVisible()
  })
})

for (const viewport of [
  { width: 390, height: 844 },
  { width: 768, height: 1024 },
  { width: 1366, height: 768 },
]) {
  test(`it fits a window ${viewport.width} px wide`, async ({ page, request, demo }) => {
    await page.setViewportSize(viewport)
    const visitor = { name: '蒋四', phone: freshPhone() }
    await book(request, demo, visitor, { companions: [{ name: '沈五', phone: freshPhone() }] })
    await page.goto('/kiosk/')
    await expect(page.getByRole('heading', { name: '您好，欢迎来访' })).toBeVisible()
    await expectNoOverflow(page)
    await shoot(page, 'kiosk-fits-start')
    await page.getByRole('button', { name: /访客签到/ }).click()
    await expectNoOverflow(page)
    await shoot(page, 'kiosk-fits-sign-in')
    await keyIn(page, visitor.phone)
    await page.getByRole('button', { name: '签到', exact: true }).click()
    await expect(page.getByRole('heading', { name: '蒋四，签到成功' })).toBeVisible()
    await expectNoOverflow(page)
    await expectAccessible(page)
    await shoot(page, 'kiosk-fits-passes')
  })
}

test.describe('left alone', () => {
  test.use({ viewport: PORTRAIT })

  test('it asks, and then forgets what was entered', async ({ page }) => {
    await page.clock.install()
    await page.goto('/kiosk/')
    await page.getByRole('button', { name: /访客签到/ }).click()
    await keyIn(page, '13912345678')
    await page.clock.runFor(41_000)
    await expect(page.getByRole('alertdialog', { name: '还在办理吗？' })).toBeVisible()
    await expectAccessible(page)
    await shoot(page, 'kiosk-ask')
    await page.getByRole('button', { name: '继续办理' }).click()
    await expect(page.getByRole('alertdialog')).toHaveCount(0)
    await expect(page.getByLabel('手机号')).toHaveValue('139 1234 5678')

    await page.clock.runFor(61_000)
    await expect(page.getByRole('heading', { name: '您好，欢迎来访' })).toBeVisible()
    await page.getByRole('button', { name: /访客签到/ }).click()
    await expect(page.getByLabel('手机号')).toHaveValue('')
  })

  test('nothing of a visitor stays: page, storage, history, memory', async ({ page, request, demo }) => {
    const visitor = { name: '尉迟恭敬', phone: freshPhone() }
    await book(request, demo, visitor)
    await page.clock.install()
    await page.goto('/kiosk/')
    const entries = await page.evaluate(() => history.length)
    await page.getByRole('button', { name: /访客签到/ }).click()
    await keyIn(page, visitor.phone)
    await page.getByRole('button', { name: '签到', exact: true }).click()
    await expect(page.getByRole('heading', { name: '尉迟恭敬，签到成功' })).toBeVisible()
    const token = /[0-9a-f]{32}/.exec(await signIn(request, demo, visitor.phone))?.[0] ?? ''
    expect(await heldInMemory(page, [visitor.name])).toEqual([visitor.name])

    await page.clock.runFor(91_000)
    await expect(page.getByRole('heading', { name: '您好，欢迎来访' })).toBeVisible()
    const secrets = [visitor.name, visitor.phone, token]
    const kept = await page.evaluate(() => ({
      page: document.documentElement.outerHTML,
      stored: JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
      address: location.href + JSON.stringify(history.state),
      entries: history.length,
      caches: performance.getEntriesByType('resource').map((entry) => entry.name),
    }))
    for (const secret of secrets) expect(JSON.stringify(kept)).not.toContain(secret)
    expect(kept.entries).toBe(entries)
    expect(await heldInMemory(page, secrets)).toEqual([])
  })
})

/** Which of `texts` are in the page's memory, after what nobody refers to was collected. */
async function heldInMemory(page: Page, texts: string[]): Promise<string[]> {
  const session = await page.context().newCDPSession(page)
  const chunks: string[] = []
  session.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => chunks.push(chunk))
  await session.send('HeapProfiler.collectGarbage')
  await session.send('HeapProfiler.takeHeapSnapshot')
  await session.detach()
  const { strings } = JSON.parse(chunks.join('')) as { strings: string[] }
  return texts.filter((text) => strings.some((string) => string.includes(text)))
}

test.describe('without a connection', () => {
  test.use({ viewport: LANDSCAPE, allowed: ['net::ERR_INTERNET_DISCONNECTED', 'net::ERR_FAILED'] })

  test('it says so, keeps what was entered, and goes on', async ({ page, context, request, demo }) => {
    const visitor = { name: '陈三', phone: freshPhone() }
    await book(request, demo, visitor)
    await page.goto('/kiosk/')
    await page.getByRole('button', { name: /访客签到/ }).click()
    await keyIn(page, visitor.phone)
    await context.setOffline(true)
    await expect(page.getByText('网络已断开').first()).toBeVisible()
    await page.getByRole('button', { name: '签到', exact: true }).click()
    await expect(page.getByRole('alert').filter({ hasText: '网络不通' })).toBeVisible()
    await shoot(page, 'kiosk-offline')
    await context.setOffline(false)
    await expect(page.getByText('网络已断开')).toHaveCount(0)
    await page.getByRole('button', { name: '签到', exact: true }).click()
    await expect(page.getByRole('heading', { name: '陈三，签到成功' })).toBeVisible()
  })
})
