/** Paying with WeChat Pay. The demo has no merchant, so what the server says of the payment is played here. */
import type { Page } from '@playwright/test'

import { draw, enter, freshPair, type Market, ordered } from '../support/market'
import { agree, expect, inspect, test as base } from './support'

const WECHAT =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.40'

/** An order that is to be paid, and its page. */
const test = base.extend<{ market: Market; order: number; consumer: { i_code: string; order_no: number } }>({
  // eslint-disable-next-line no-empty-pattern
  consumer: async ({}, use) => use(freshPair()),
  market: async ({ browser, request, demo, consumer }, use) => {
    const pairs = { publisher: freshPair(), consumer }
    await use(await enter(request, demo, await draw(browser), pairs))
  },
  order: async ({ market }, use) => {
    const id = await ordered(market, `支付 ${Date.now()}`)
    await market.publisher.does(`order/${id}`, { action: 1 })
    await use(id)
  },
})

async function open(page: Page, pair: { i_code: string; order_no: number }, id: number): Promise<void> {
  await page.goto(`/h5/market/enter?next=${encodeURIComponent(`/market/orders/${id}`)}`)
  await page.getByLabel('验证码').fill(pair.i_code)
  await page.getByLabel('订单号').fill(String(pair.order_no))
  await page.getByRole('button', { name: '进入家政服务' }).click()
  await expect(page.getByRole('button', { name: '支付', exact: true })).toBeVisible()
}

/** Answers the payment of an order with `payment`, as the server does with WeChat Pay; tells what was asked. */
async function play(page: Page, id: number, data: object): Promise<unknown[]> {
  const asked: unknown[] = []
  await page.route(`**/homemaking/v1/order/${id}`, async (route) => {
    if (route.request().method() !== 'POST') return route.fallback()
    asked.push(route.request().postDataJSON())
    await route.fulfill({ json: data })
  })
  return asked
}

const begun = (payment: object) => ({ error_code: 0, data: { result: true, payment } })

test('outside of WeChat a code is shown until it is paid', async ({ page, market, consumer, order }) => {
  await open(page, consumer, order)
  const code_url = 'weixin://wxpay/bizpayurl?pr=0000001'
  const asked = await play(page, order, begun({ trade_type: 'NATIVE', code_url }))
  await page.getByRole('button', { name: '支付', exact: true }).click()
  await agree(page)
  await expect(page.getByRole('img', { name: '二维码：微信支付' })).toBeVisible()
  await expect(page.getByText('请用微信扫码支付 ¥128.50')).toBeVisible()
  expect(asked).toEqual([{ action: 3, pay_by: 'native' }])
  await inspect(page, 'market-scan-to-pay')
  await market.consumer.does(`order/${order}`, { action: 3 })
  await expect(page.getByRole('img', { name: '二维码：微信支付' })).toBeHidden()
  await expect(page.getByText('待确认')).toBeVisible()
})

test.describe('in WeChat', () => {
  test.use({ userAgent: WECHAT })

  test('the payer is asked by WeChat', async ({ page, market, consumer, order }) => {
    await page.addInitScript(() => {
      const bridge = {
        invoke: (name: string, parameters: object, then: (result: { err_msg: string }) => void) => {
          Object.assign(window, { asked: [name, parameters] })
          then({ err_msg: 'get_brand_wcpay_request:ok' })
        },
      }
      Object.assign(window, { WeixinJSBridge: bridge })
    })
    await open(page, consumer, order)
    const parameters = {
      appId: 'wx1',
      timeStamp: '1',
      nonceStr: 'n',
      package: 'prepay_id=wx2',
      signType: 'RSA',
      paySign: 's',
    }
    const asked = await play(page, order, begun({ ...parameters, trade_type: 'JSAPI' }))
    await page.getByRole('button', { name: '支付', exact: true }).click()
    await agree(page)
    await expect(page.getByRole('status').filter({ hasText: '结果会自动显示' })).toBeVisible()
    expect(asked).toEqual([{ action: 3, pay_by: 'official_account' }])
    expect(await page.evaluate(() => (window as unknown as { asked: unknown }).asked)).toEqual([
      'getBrandWCPayRequest',
      parameters,
    ])
    await market.consumer.does(`order/${order}`, { action: 3 })
    await expect(page.getByText('待确认')).toBeVisible()
  })

  test.describe('that has yet to say who pays', () => {
    test.use({ allowed: ['/homemaking/v1/order/'] })

    test('it is asked first, and the payment goes on', async ({ page, consumer, order }) => {
      await open(page, consumer, order)
      const message = '微信授权码 wechat_code: 需要公众号网页授权的 code'
      await page.route(`**/homemaking/v1/order/${order}`, async (route) => {
        if (route.request().method() !== 'POST') return route.fallback()
        await route.fulfill({ status: 400, json: { error_code: 10000, message, data: null } })
      })
      let next = ''
      await page.route('**/auth/wechat/start?*', async (route) => {
        next = new URL(route.request().url()).searchParams.get('next') ?? ''
        await page.unroute(`**/homemaking/v1/order/${order}`)
        await route.fulfill({ status: 302, headers: { location: next } })
      })
      await page.getByRole('button', { name: '支付', exact: true }).click()
      await agree(page)
      await expect(page.getByText('待确认')).toBeVisible()
      expect(next).toBe(`/h5/market/orders/${order}?pay=1`)
      await expect(page).toHaveURL(new RegExp(`/h5/market/orders/${order}$`))
    })
  })
})
