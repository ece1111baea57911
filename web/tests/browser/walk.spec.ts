/** A visitor's whole way: phone, host's phone, kiosk, gate. */
import { type Browser, chromium, type Page } from '@playwright/test'

import { startDemo } from './support/demo'
import { freshPhone, scan } from './support/desk'
import { expect, expectAccessible, expectNoOverflow, shoot, test, watch } from './support/test'

const PHONE = { width: 390, height: 844 }
const KIOSK = { width: 1080, height: 1920 }
const GATE = { width: 1440, height: 900 }

/** The wire's time in the field of a form. */
function field(at: Date): string {
  return at.toLocaleString('sv-SE', { timeZone: 'Asia/Shanghai' }).slice(0, 16).replace(' ', 'T')
}

test('from the phone to the gate and out again', async ({ browser }, info) => {
  test.setTimeout(120_000)
  // Of its own: the host's phone is bound once.
  const demo = await startDemo()
  const complaints: string[] = []
  const opened: Browser[] = []
  const open = async (viewport: { width: number; height: number }, own: Browser = browser): Promise<Page> => {
    const context = await own.newContext({
      baseURL: demo.url,
      viewport,
      locale: 'zh-CN',
      timezoneId: 'Asia/Shanghai',
    })
    const page = await context.newPage()
    watch(page, complaints)
    return page
  }
  const phones = { visitor: freshPhone(), companion: freshPhone() }

  try {
    const visitor = await open(PHONE)
    await visitor.goto('/h5/visitors')
    await visitor.getByLabel('手机号码').fill(phones.visitor)
    await visitor.getByRole('button', { name: '绑定身份' }).click()
    await visitor.getByRole('link', { name: '申请来访' }).click()
    await visitor.getByLabel('访客姓名').fill('张三')
    await visitor.getByLabel('被访人姓名').fill('李四')
    await visitor.getByLabel('被访人手机号码').fill('13811111111')
    await visitor.getByLabel('来访时间').fill(field(new Date(Date.now() - 600_000)))
    await visitor.getByLabel('离开时间').fill(field(new Date(Date.now() + 7_200_000)))
    await visitor.getByRole('button', { name: '添加随行人员' }).click()
    const companion = visitor.getByRole('group', { name: '随行人员 1' })
    await companion.getByLabel('姓名').fill('王某')
    await companion.getByLabel('手机号码').fill(phones.companion)
    await expectAccessible(visitor)
    await shoot(visitor, 'walk-1-apply')
    await visitor.getByRole('button', { name: '提交申请' }).click()
    await expect(visitor.getByText('待审批')).toBeVisible()

    const kiosk = await open(KIOSK)
    const signIn = async () => {
      await kiosk.goto('/kiosk/')
      await kiosk.getByRole('button', { name: /访客签到/ }).click()
      for (const digit of phones.companion)
        await kiosk.getByRole('button', { name: digit, exact: true }).click()
      await kiosk.getByRole('button', { name: '签到', exact: true }).click()
    }
    await signIn()
    await expect(kiosk.getByRole('alert').filter({ hasText: '尚未通过审批' })).toBeVisible()

    const host = await open(PHONE)
    await host.goto('/h5/visitors')
    await host.getByRole('radio', { name: '员工' }).check()
    await host.getByLabel('姓名').fill('李四')
    await host.getByLabel('手机号码').fill('13811111111')
    await host.getByRole('button', { name: '绑定身份' }).click()
    await host.getByRole('link', { name: '待我审批' }).click()
    await expect(host.getByRole('button', { name: '同意' })).toBeVisible()
    await shoot(host, 'walk-2-approve')
    await host.getByRole('button', { name: '同意' }).click()
    await expect(host.getByText('已通过')).toBeVisible()

    const answered = kiosk.waitForResponse('**/v1/visit/signin')
    await signIn()
    await expect(kiosk.getByRole('heading', { name: '张三，签到成功' })).toBeVisible()
    const { data } = (await (await answered).json()) as { data: { qrcode: string } }
    await shoot(kiosk, 'walk-3-kiosk')

    // The companion photographs the screen, and holds the photograph to the gate's camera.
    const photograph = info.outputPath('photograph.mjpeg')
    const card = await kiosk.getByRole('listitem').filter({ hasText: '王某' }).boundingBox()
    const middle = { x: (card?.x ?? 0) + (card?.width ?? 0) / 2, y: (card?.y ?? 0) + (card?.height ?? 0) / 2 }
    const clip = { x: Math.round(middle.x) - 320, y: Math.round(middle.y) - 320, width: 640, height: 640 }
    await kiosk.screenshot({ type: 'jpeg', quality: 90, clip, path: photograph })
    const { launchOptions } = info.project.use
    const withCamera = await chromium.launch({
      ...launchOptions,
      args: [
        ...(launchOptions?.args ?? []),
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream',
        `--use-file-for-fake-video-capture=${photograph}`,
      ],
    })
    opened.push(withCamera)
    const gate = await open(GATE, withCamera)
    await gate.goto('/gate/')
    await gate.getByRole('button', { name: '打开摄像头' }).click()
    await expect(gate.getByText('请通行')).toBeVisible()
    await shoot(gate, 'walk-4-gate')

    // The visitor shows the code of the message to the reader; a foreign one stays outside.
    await expect(gate.locator('.verdict')).toHaveCount(0)
    await scan(gate, data.qrcode)
    await expect(gate.getByText('请通行')).toBeVisible()
    await expect(gate.locator('.verdict')).toHaveCount(0)
    await scan(gate, `{"id":1,"qrcode":"${'0'.repeat(32)}"}`)
    await expect(gate.getByText('不是有效的通行码')).toBeVisible()

    await visitor.goto('/h5/visitors/records')
    await expect(visitor.getByText('已签到')).toBeVisible()
    await expectAccessible(visitor)
    await expectNoOverflow(visitor)
    await shoot(visitor, 'walk-5-record')

    await kiosk.goto('/kiosk/')
    await kiosk.getByRole('button', { name: /离开签退/ }).click()
    await scan(kiosk, data.qrcode)
    await expect(kiosk.getByRole('heading', { name: '已签退，再见' })).toBeVisible()
    await kiosk.getByRole('button', { name: '同行人员一起签退' }).click()
    await expect(kiosk.getByRole('heading', { name: '2 人已签退，再见' })).toBeVisible()
    expect(complaints).toEqual([])
  } finally {
    await Promise.all(opened.map((own) => own.close()))
    await demo.stop()
  }
})
