import { writeFile } from 'node:fs/promises'

import { chromium, type Page } from '@playwright/test'
import encodeQR from 'qr'

import { book, expect, freshPhone, scan, signIn, test } from '../support/desk'
import { expectAccessible, expectNoOverflow, shoot, watch } from '../support/test'

const WIDTH = 640
const HEIGHT = 480
const BLACK = 16
const WHITE = 235

/** A film of one picture, as Chromium's fake camera plays it: a code held up before a grey wall. */
function film(content: string, { dark = BLACK, bright = WHITE } = {}): Buffer {
  const rows = encodeQR(content, 'raw', { ecc: 'medium', border: 4 })
  const scale = 8
  const left = Math.floor((WIDTH - rows.length * scale) / 2)
  const top = Math.floor((HEIGHT - rows.length * scale) / 2)
  const light = Buffer.alloc(WIDTH * HEIGHT, 140)
  rows.forEach((row, y) =>
    row.forEach((isDark, x) => {
      for (let line = 0; line < scale; line += 1) {
        const from = (top + y * scale + line) * WIDTH + left + x * scale
        light.fill(isDark ? dark : bright, from, from + scale)
      }
    }),
  )
  const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, 128)
  const frame = Buffer.concat([Buffer.from('FRAME\n'), light, colour])
  const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`)
  return Buffer.concat([head, frame, frame, frame])
}

/** A browser whose camera sees a film. */
async function withCamera(
  { file, url, isAllowed = true }: { file: string; url: string; isAllowed?: boolean },
  run: (page: Page) => Promise<void>,
): Promise<void> {
  const { launchOptions } = test.info().project.use
  const browser = await chromium.launch({
    ...launchOptions,
    args: [
      ...(launchOptions?.args ?? []),
      '--use-fake-device-for-media-stream',
      ...(isAllowed ? ['--use-fake-ui-for-media-stream'] : []),
      `--use-file-for-fake-video-capture=${file}`,
    ],
  })
  try {
    const context = await browser.newContext({
      baseURL: url,
      locale: 'zh-CN',
      viewport: { width: 1080, height: 1920 },
    })
    const page = await context.newPage()
    const complaints: string[] = []
    watch(page, complaints)
    await run(page)
    expect(complaints).toEqual([])
  } finally {
    await browser.close()
  }
}

test('the camera reads a code that is held up, once', async ({ request, demo }, info) => {
  const phone = freshPhone()
  await book(request, demo, { name: '镜头', phone })
  const code = await signIn(request, demo, phone)
  const file = info.outputPath('code.y4m')
  await writeFile(file, film(code))
  await withCamera({ file, url: demo.url }, async (page) => {
    const sent: string[] = []
    page.on('request', (asked) => {
      if (asked.url().endsWith('/v1/visit/qrcode') && asked.postData() !== '{}')
        sent.push(asked.postData() ?? '')
    })
    await page.goto('/gate/')
    await page.getByRole('button', { name: '打开摄像头' }).click()
    await expect(page.getByText('请通行')).toBeVisible()
    await shoot(page, 'gate-camera-pass')
    await expect(page.getByRole('heading', { name: '请出示二维码' })).toBeVisible()
    await expect(page.locator('.verdict')).toHaveCount(0)
    await expectAccessible(page)
    await expectNoOverflow(page)
    await shoot(page, 'gate-camera')
    // It is still in view: nobody opened the gate again.
    await page.waitForTimeout(1_500)
    expect(sent).toEqual([JSON.stringify({ qrcode: code })])

    // A gate that is switched on again scans at once.
    await page.reload()
    await expect(page.getByText('请通行')).toBeVisible()
    await expect(page.locator('.verdict')).toHaveCount(0)
    await page.getByRole('button', { name: '关闭摄像头' }).click()
    await expect(page.getByText('将二维码对准扫码器')).toBeVisible()
  })
})

test('a code in white on black is read, too', async ({ request, demo }, info) => {
  const phone = freshPhone()
  await book(request, demo, { name: '深色', phone })
  const code = await signIn(request, demo, phone)
  const file = info.outputPath('code.y4m')
  await writeFile(file, film(code, { dark: WHITE, bright: BLACK }))
  await withCamera({ file, url: demo.url }, async (page) => {
    await page.goto('/gate/')
    await page.getByRole('button', { name: '打开摄像头' }).click()
    await expect(page.getByText('请通行')).toBeVisible()
  })
})

test('the kiosk signs out by camera', async ({ request, demo }, info) => {
  const phone = freshPhone()
  await book(request, demo, { name: '镜头', phone })
  const code = await signIn(request, demo, phone)
  const file = info.outputPath('code.y4m')
  await writeFile(file, film(code))
  await withCamera({ file, url: demo.url }, async (page) => {
    await page.goto('/kiosk/')
    await page.getByRole('button', { name: /离开签退/ }).click()
    await page.getByRole('button', { name: '打开摄像头' }).click()
    await expect(page.getByRole('heading', { name: '已签退，再见' })).toBeVisible()
  })
})

test('a camera that may not be used is no disaster', async ({ request, demo }, info) => {
  const phone = freshPhone()
  await book(request, demo, { name: '读码', phone })
  const code = await signIn(request, demo, phone)
  const file = info.outputPath('code.y4m')
  await writeFile(file, film(code))
  await withCamera({ file, url: demo.url, isAllowed: false }, async (page) => {
    await page.goto('/gate/')
    await page.getByRole('button', { name: '打开摄像头' }).click()
    await expect(page.getByRole('alert').filter({ hasText: '没有获准使用摄像头' })).toBeVisible()
    await expectAccessible(page)
    await expectNoOverflow(page)
    await shoot(page, 'gate-camera-refused')
    await scan(page, code)
    await expect(page.getByText('请通行')).toBeVisible()
    await expect(page.locator('.verdict')).toHaveCount(0)

    await page.context().grantPermissions(['camera'])
    await page.getByRole('button', { name: '重试' }).click()
    await expect(page.getByText('请通行')).toBeVisible()
  })
})

test('without a camera it says so', async ({ page }) => {
  await page.goto('/gate/')
  await page.getByRole('button', { name: '打开摄像头' }).click()
  await expect(page.getByRole('alert').filter({ hasText: '没有找到摄像头' })).toBeVisible()
  await expect(page.getByRole('button', { name: '重试' })).toBeVisible()
})
