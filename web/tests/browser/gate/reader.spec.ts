/** What readers that pose as keyboards add around a code, and what becomes of it on the gate's screen. */
import type { Page } from '@playwright/test'

import { book, expect, freshPhone, signIn, test } from '../support/desk'

/** CDP's bits for what is held with a key. */
const ALT = 1
const CTRL = 2

interface Press {
  key: string
  modifiers?: number
}

/** Presses keys without a pause, as a reader does. */
async function press(page: Page, keys: Press[]): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await Promise.all(
    keys.map(({ key, modifiers = 0 }) =>
      session.send('Input.dispatchKeyEvent', {
        type: 'keyDown',
        key,
        modifiers,
        ...(key.length === 1 && modifiers === 0 ? { text: key } : {}),
      }),
    ),
  )
  await session.detach()
}

function keysOf(text: string, modifiers = 0): Press[] {
  return Array.from(text, (key) => ({ key, modifiers }))
}

test('a code is read with whatever a reader adds and however it ends', async ({ page, request, demo }) => {
  const phone = freshPhone()
  await book(request, demo, { name: '读码', phone })
  const code = await signIn(request, demo, phone)
  const sent: string[] = []
  page.on('request', (asked) => {
    if (asked.url().endsWith('/v1/visit/qrcode')) sent.push(asked.postData() ?? '')
  })
  await page.clock.install()
  await page.goto('/gate/')
  await expect(page.getByRole('heading', { name: '请出示二维码' })).toBeVisible()
  const passes = async (scan: () => Promise<void>, what: string) => {
    await scan()
    await expect(page.getByText('请通行'), what).toBeVisible()
    // Away long enough to be a scan of its own.
    await page.clock.runFor(7_000)
    await expect(page.locator('.verdict')).toHaveCount(0)
  }
  const enter: Press = { key: 'Enter' }
  await passes(() => press(page, [...keysOf(code, ALT), enter]), 'Alt with every key')
  await passes(() => press(page, [...keysOf(code), { key: 'Tab' }]), 'Tab')
  await passes(() => press(page, [...keysOf(code), { key: 'j', modifiers: CTRL }]), 'Ctrl+J')
  await passes(() => press(page, [...keysOf(`]Q1${code}`), enter]), 'the name of the symbology')
  const given = (data: string) =>
    page.evaluate((text) => {
      document.body.dispatchEvent(new CompositionEvent('compositionend', { data: text, bubbles: true }))
    }, data)
  const composed = async (text: string) => {
    await given(text)
    await page.clock.runFor(600)
  }
  await passes(() => composed(code), 'an input method')
  await passes(
    () => composed(code.replace('{', '｛').replace('}', '｝').replaceAll(':', '：').replaceAll('"', '“')),
    'with the punctuation of an input method',
  )
  const body = JSON.stringify({ qrcode: code })
  expect(sent.filter((asked) => asked !== '{}')).toEqual([body, body, body, body, body, body])
})

test('a code that an input method swallows is said on the screen', async ({ page }) => {
  await page.clock.install()
  await page.goto('/gate/')
  await expect(page.getByRole('heading', { name: '请出示二维码' })).toBeVisible()
  await press(page, [...Array.from({ length: 40 }, () => ({ key: 'Process' })), { key: 'Enter' }])
  await expect(page.getByText('没有读到二维码')).toBeVisible()
  await expect(page.getByText('请把这台设备的输入法切换为英文，再扫一次')).toBeVisible()
  await page.clock.runFor(6_100)
  await expect(page.locator('.verdict')).toHaveCount(0)
})
