/**
 * The refunds of the mini-program for the homemaking document (003), on both sides: asked for with pictures, rejected,
 * taken back, agreed to, and paid back by the system.
 */
import { beforeAll, describe, expect, test, vi } from 'vitest'

import { createApp } from './homemaking/app'
import { ADDRESS, labelled, PNG, refused } from './homemaking/life'
import { login } from './homemaking/pages/me'
import { detail } from './homemaking/pages/market'
import { order, refund, refundList, withPictures } from './homemaking/pages/orders'
import { useDemo } from './support/server'
import { createWitness } from './support/witness'
import { HOMEMAKING } from './tables/homemaking'

const demo = useDemo()
const witness = createWitness(HOMEMAKING)
const at = {}
let publisher, consumer, stranger

async function enter(pair) {
  const app = createApp(`${demo.url}/homemaking/`, witness)
  await (await app.open(login)).onSubmit(`demo-${pair}`, 1000 + pair)
  return app
}

/** An order of a service that the demo has, as far as `actions` bring it. */
async function ordered(...actions) {
  const { id: me } = await publisher.models.user.me()
  const { data: services } = await consumer.models.service.list({ type: 1, page: 1, count: 100 })
  const offered = services.find((service) => service.publisher.id === me)
  const id = await (await consumer.open(detail, { id: offered.id })).onOrder()
  for (const [{ models }, action] of actions) await models.order.act(id, action)
  return id
}

/** Agreed to, and paid. */
const paid = () => ordered([publisher, 1], [consumer, 3])

beforeAll(async () => {
  publisher = await enter(1)
  consumer = await enter(2)
  stranger = await enter(5)
  consumer.phone.address = ADDRESS
  consumer.phone.album = [{ name: 'one.png', bytes: PNG }]
})

describe('a refund', () => {
  test('is not asked for by the action of an order', async () => {
    at.paid = await paid()
    await refused(consumer, () => consumer.models.order.act(at.paid, 6), 10000)
  })

  test('needs a reason, its own order and a paid one', async () => {
    at.ask = await consumer.open(withPictures, { orderId: at.paid })
    expect(await refused(consumer, () => at.ask.onRefund(''), 10000)).toMatch(labelled('reason'))
    const early = await consumer.open(withPictures, { orderId: await ordered() })
    await refused(consumer, () => early.onRefund('太早'), 10023)
    const confirmed = await ordered([publisher, 1], [consumer, 3], [consumer, 4])
    const late = await consumer.open(withPictures, { orderId: confirmed })
    await refused(consumer, () => late.onRefund('太晚'), 10023)
    const others = await stranger.open(withPictures, { orderId: at.paid })
    await refused(stranger, () => others.onRefund('不是我的'), 10024)
  })

  test('is asked for with pictures, once at a time', async () => {
    await at.ask.onPictures()
    at.refund = await at.ask.onRefund('约好的时间没有人来')
    expect(at.refund.illustration).toEqual(at.ask.data.pictures)
    await refused(consumer, () => at.ask.onRefund('再要一次'), 10013)
    await refused(consumer, () => consumer.models.order.act(at.paid, 4), 10017)
  })

  test('is seen on both sides', async () => {
    for (const [app, role] of [
      [publisher, 1],
      [consumer, 2],
    ]) {
      const page = await app.open(refundList, { role })
      expect(page.data.underWay.map(({ id }) => id)).toContain(at.refund.id)
      expect((await page.onTab(0)).map(({ id }) => id)).toContain(at.refund.id)
      expect(await page.onTab(5)).toEqual([])
    }
  })

  test('is the publisher’s to answer', async () => {
    await refused(consumer, () => consumer.models.refund.act(at.refund.id, 1), 10014)
    await refused(publisher, () => publisher.models.refund.act(at.refund.id, 3), 10015)
    await refused(stranger, () => stranger.models.refund.act(at.refund.id, 3), 10010)
    await refused(stranger, () => stranger.models.refund.one(at.refund.id), 10008)
    const page = await publisher.open(refund, { id: at.refund.id })
    expect(page.data.refund).toMatchObject({ images: at.refund.illustration, status: 0 })
    expect(await page.onAction(2)).toBe(4)
    await refused(publisher, () => page.onAction(1), 10016)
  })

  test('is asked for again, and taken back', async () => {
    const { id } = await at.ask.onRefund('还是没有人来')
    const page = await consumer.open(refund, { id })
    expect(await page.onAction(3)).toBe(5)
  })

  test('is agreed to, and paid back by the system', async () => {
    const { id } = await at.ask.onRefund('第三次没有人来')
    await publisher.models.refund.act(id, 1)
    at.page = await consumer.open(refund, { id })
    await vi.waitFor(
      async () => {
        await at.page.onLoad({ id })
        expect(at.page.data.refund.status).toBe(2)
      },
      { timeout: 15_000, interval: 100 },
    )
    expect((await consumer.open(order, { id: at.paid })).data.order.status).toBe(5)
  })

  test('ends when the consumer says that the money came', async () => {
    expect(await at.page.onAction(4)).toBe(3)
    const list = await consumer.open(refundList, { role: 2 })
    expect(list.data.underWay.map(({ id }) => id)).not.toContain(at.page.data.refund.id)
  })

  test('every table of the document was met', () => {
    expect(witness.unseen().filter((row) => row.includes('refund'))).toEqual([])
  })
})
