/** Users of the marketplace, and what they do through its API. */
import type { APIRequestContext, Browser } from '@playwright/test'

import type { Demo } from './demo'
import { call } from './test'

type Headers = Record<string, string>

/** Somebody who uses the marketplace, or staff. */
export class Caller {
  constructor(
    private readonly request: APIRequestContext,
    private readonly demo: Demo,
    private readonly headers: Headers,
  ) {}

  async post(path: string, body: unknown): Promise<Record<string, unknown>> {
    return (await call(this.request, this.demo, 'POST', path, body, this.headers)) as Record<string, unknown>
  }

  /** The `data` of a homemaking endpoint. */
  async does(path: string, body: unknown): Promise<Record<string, number>> {
    return (await this.post(`/homemaking/v1/${path}`, body))['data'] as Record<string, number>
  }
}

/** What a user enters with. */
export interface Pair {
  i_code: string
  order_no: number
}

export interface Market {
  staff: Caller
  publisher: Caller
  consumer: Caller
  /** A picture that was uploaded. */
  picture: { id: number; path: string }
  day: string
}

/** A pair that nobody else has. */
export function freshPair(): Pair {
  return { i_code: 'browser', order_no: Math.floor(Math.random() * 1e9) + 10_000 }
}

/** A picture, taken of a page. */
export async function draw(
  browser: Browser,
  colours: [string, string] = ['#9ed2c6', '#2f6f8f'],
): Promise<Buffer> {
  const page = await browser.newPage({ viewport: { width: 320, height: 240 } })
  await page.setContent(
    `<body style="margin: 0; background: linear-gradient(160deg, ${colours.join(', ')})"></body>`,
  )
  const picture = await page.screenshot()
  await page.close()
  return picture
}

export async function upload(
  request: APIRequestContext,
  demo: Demo,
  picture: Buffer,
): Promise<Market['picture']> {
  const file1 = { name: 'cover.png', mimeType: 'image/png', buffer: picture }
  const answer = await request.post(`${demo.url}/homemaking/v1/file`, { multipart: { file1 } })
  const uploaded = ((await answer.json()) as { data: Market['picture'][] }).data[0]
  if (uploaded === undefined) throw new Error(`no picture: ${answer.status()} ${await answer.text()}`)
  return uploaded
}

/** The demo's administrator. */
export async function administrator(request: APIRequestContext, demo: Demo): Promise<Caller> {
  const login = { username: 'admin', password: 'demo-admin' }
  const { token } = (await call(request, demo, 'POST', '/admin/v1/session', login)) as { token: string }
  return new Caller(request, demo, { Authorization: `Bearer ${token}` })
}

/** Two users with pairs that staff issue to them. */
export async function enter(
  request: APIRequestContext,
  demo: Demo,
  picture: Buffer,
  pairs: { publisher: Pair; consumer: Pair },
): Promise<Market> {
  const staff = await administrator(request, demo)
  const user = async (pair: Pair) => {
    await staff.post('/admin/v1/enrolments', pair)
    const { token } = await new Caller(request, demo, {}).does('token', pair)
    return new Caller(request, demo, { token: String(token) })
  }
  return {
    staff,
    publisher: await user(pairs.publisher),
    consumer: await user(pairs.consumer),
    picture: await upload(request, demo, picture),
    day: new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10),
  }
}

/** A service that waits for staff; gives its id. */
export async function service({ publisher, picture, day }: Market, title: string): Promise<number> {
  const created = await publisher.does('service', {
    type: 1,
    title,
    category_id: 1,
    cover_image_id: picture.id,
    designated_place: 1,
    description: `${title}，自带工具，两小时起。\n周末也可以上门。`,
    begin_date: '2026-01-01',
    end_date: day,
    price: '128.50',
  })
  return created['service_id'] ?? 0
}

/** A service that is on the list; gives its id. */
export async function published(market: Market, title: string): Promise<number> {
  const id = await service(market, title)
  await market.staff.post(`/admin/v1/services/${id}/review`, { decision: 'approve' })
  await market.publisher.does(`service/${id}`, { action: 1 })
  return id
}

/** An order of such a service; gives its id. */
export async function ordered(market: Market, title: string): Promise<number> {
  const address = {
    userName: '张三',
    telNumber: '13900000001',
    provinceName: '广东省',
    cityName: '广州市',
    countyName: '海珠区',
    detailInfo: '新港中路 397 号',
  }
  const service_id = await published(market, title)
  const { order_id: order = 0 } = await market.consumer.does('order', { service_id, address })
  return order
}

/** An order that has been paid. */
export async function paid(market: Market, title: string): Promise<number> {
  const order = await ordered(market, title)
  await market.publisher.does(`order/${order}`, { action: 1 })
  await market.consumer.does(`order/${order}`, { action: 3 })
  return order
}

/** A refund that the publisher rejected; gives its id. */
export async function rejected(market: Market, title: string): Promise<number> {
  const order = await paid(market, title)
  const ask = { order_id: order, reason: '约好的时间没有人来', illustration: [market.picture.path] }
  const { id = 0 } = await market.consumer.does('refund', ask)
  await market.publisher.does(`refund/${id}`, { action: 2 })
  return id
}

/** A refund that was rejected and appealed against; gives its id. */
export async function appealed(market: Market, title: string): Promise<number> {
  const id = await rejected(market, title)
  await market.consumer.does(`refund/${id}/appeal`, { reason: '有聊天记录为证，请工作人员核实' })
  return id
}

export async function rated(market: Market, title: string, content: string): Promise<void> {
  const order = await paid(market, title)
  await market.consumer.does(`order/${order}`, { action: 4 })
  const rating = {
    order_id: order,
    score: 4,
    content,
    illustration: [market.picture.path, 'https://example.com/a.png'],
  }
  await market.consumer.does('rating', rating)
}
