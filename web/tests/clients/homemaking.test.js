/**
 * A mini-program for the homemaking document (003) on three phones: who offers, who orders, and a stranger. Page by
 * page, from the first start as a guest to the rating; the operator approves in between.
 */
import { beforeAll, describe, expect, test } from 'vitest'

import { createApp } from './homemaking/app'
import { ADDRESS, labelled, PNG, refused } from './homemaking/life'
import { login, me } from './homemaking/pages/me'
import { detail, home } from './homemaking/pages/market'
import { order, orderList, withPictures } from './homemaking/pages/orders'
import { myServices, publish } from './homemaking/pages/publisher'
import { createOperator, dayAfter, useDemo } from './support/server'
import { createWitness } from './support/witness'
import { HOMEMAKING } from './tables/homemaking'

const demo = useDemo()
const witness = createWitness(HOMEMAKING)
const operator = createOperator(demo)
const at = {}
let publisher, consumer, stranger

beforeAll(() => {
  const start = () => createApp(`${demo.url}/homemaking/`, witness)
  publisher = start()
  consumer = start()
  stranger = start()
})

describe('a guest', () => {
  test('starts without a token, and is told that it is worth nothing', async () => {
    expect(await consumer.onLaunch()).toBe(false)
    expect(consumer.phone.toasts).toEqual([])
  })

  test('sees the categories, and everything that is offered and wanted', async () => {
    at.home = await consumer.open(home)
    expect(at.home.data.tabs.map(({ name }) => name)).toEqual([
      '全部',
      '保洁',
      '汽修',
      '疏通',
      '在线教育',
      '宠物',
      '护理',
      '婚恋',
    ])
    expect(at.home.data.services).toHaveLength(4)
  })

  test('taps a category', async () => {
    await at.home.onTab(1)
    expect(at.home.data.services.length).toBeGreaterThan(0)
    expect(at.home.data.services.every(({ category }) => category.id === 1)).toBe(true)
  })

  test('taps what is offered, and what is wanted', async () => {
    await at.home.onTab(0)
    await at.home.onType(2)
    expect(at.home.data.services.every(({ type }) => type === 2)).toBe(true)
    await at.home.onType(1)
    expect(at.home.data.services.every(({ type }) => type === 1)).toBe(true)
  })

  test('scrolls to the end, and meets nothing twice', async () => {
    await at.home.onType(0)
    while (await at.home.onReachBottom());
    const ids = at.home.data.services.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBeGreaterThan(4)
  })

  test('finds nothing on the page behind the last', async () => {
    const beyond = await at.home.show(99)
    expect(beyond.data).toEqual([])
    expect(beyond.last_page).toBeGreaterThan(1)
  })

  test('taps a service, and sees it without the publisher’s number', async () => {
    const { id } = at.home.data.services.find(({ type }) => type === 1)
    at.detail = await consumer.open(detail, { id })
    expect(at.detail.data.service.id).toBe(id)
    expect(at.detail.data.canCall).toBe(false)
    expect(at.detail.data.service.publisher.real_name).toBeNull()
    expect(consumer.phone.pages).toEqual([])
  })

  test('sees its picture, and its publisher’s', async () => {
    const { cover_image, publisher: person } = at.detail.data.service
    for (const address of [cover_image.path, person.avatar]) {
      const picture = await fetch(address)
      expect([address, picture.status]).toEqual([address, 200])
      expect(picture.headers.get('content-type')).toMatch(/^image\//)
    }
  })

  test('orders, and comes to the login page', async () => {
    expect(await refused(consumer, () => consumer.models.order.create(1), 10001)).toBeUndefined()
    expect(consumer.phone.pages.at(-1)).toBe('/pages/login/login')
  })

  test('types a pair that is none', async () => {
    const page = await consumer.open(login)
    expect(await refused(consumer, () => page.onSubmit('nobody', 4242), 9999)).toMatch(/\p{Script=Han}/u)
  })
})

describe('a user', () => {
  test('logs in with the pair, the number as it was typed', async () => {
    const page = await consumer.open(login)
    await page.onSubmit('demo-2', '1002')
    await (await publisher.open(login)).onSubmit('demo-1', 1001)
    expect(consumer.phone.pages.at(-1)).toBe('/pages/my/my')
  })

  test('starts again with a token that is good', async () => {
    expect(await consumer.onLaunch()).toBe(true)
  })

  test('sees a picture of their own before there is one', async () => {
    at.me = await consumer.open(me)
    expect((await fetch(at.me.data.user.avatar)).status).toBe(200)
  })

  test('shares name and picture, and keeps what else is known', async () => {
    const { gender } = at.me.data.user
    consumer.phone.profile = { nickName: '沁塵', avatarUrl: 'https://thirdwx.qlogo.cn/mmopen/vi_32/a/132' }
    await at.me.onShareProfile()
    expect(at.me.data.user).toMatchObject({ nickname: '沁塵', gender })
  })

  test('changes the gender alone', async () => {
    await at.me.onChange({ gender: 1 })
    expect(at.me.data.user).toMatchObject({ nickname: '沁塵', gender: 1 })
  })

  test('gives name and number, and keeps the rest', async () => {
    await at.me.onChange({ real_name: '张三', tel: '020-81167888' })
    expect(at.me.data.user).toMatchObject({ nickname: '沁塵', real_name: '张三', tel: '020-81167888' })
    await (await publisher.open(me)).onChange({ tel: '13800000001', real_name: '李师傅' })
  })

  test('is told by name what is wrong with a number', async () => {
    const toast = await refused(consumer, () => at.me.onChange({ tel: '12' }), 10000)
    expect(toast).toMatch(labelled('tel'))
  })

  test('gets a ticket for the chat', async () => {
    expect(await at.me.chatTicket()).toMatchObject({ user_id: at.me.data.user.id })
  })

  test('whose token is no longer good is logged in anew, and notices nothing', async () => {
    consumer.wx.setStorageSync('token', '0'.repeat(32))
    const toasts = consumer.phone.toasts.length
    await at.me.onLoad()
    expect(at.me.data.user.nickname).toBe('沁塵')
    expect(consumer.phone.toasts).toHaveLength(toasts)
    expect(consumer.wx.getStorageSync('token')).not.toBe('0'.repeat(32))
  })
})

describe('publishing', () => {
  test('an empty form is told its first field by name', async () => {
    at.form = await publisher.open(publish)
    const toast = await refused(publisher, () => at.form.onSubmit(), 10000)
    expect(toast).toMatch(labelled('(title|cover_image_id|description|begin_date|end_date|price)'))
  })

  test('what is no picture is refused', async () => {
    publisher.phone.album = [{ name: 'notes.png', bytes: Buffer.from('no picture') }]
    await refused(publisher, () => at.form.onCover(), 10004)
  })

  test('the cover is uploaded before the form', async () => {
    publisher.phone.album = [{ name: 'a1b2c3.png', bytes: PNG }]
    const picture = await at.form.onCover()
    expect(picture.key).toBe('cover')
    expect((await fetch(picture.path)).status).toBe(200)
  })

  test.each([
    ['title', ''],
    ['price', '0'],
    ['price', '12.345'],
    ['end_date', '2021-13-01'],
    ['end_date', '2020-01-01'],
    ['category_id', 99],
    ['designated_place', 'maybe'],
  ])('%s of %j is told by name', async (field, value) => {
    const filled = {
      title: '日常保洁',
      description: '自带工具，两小时起。\n周末也可以上门。',
      begin_date: dayAfter(0),
      end_date: dayAfter(30),
      price: '128.5',
    }
    for (const [name, text] of Object.entries(filled)) at.form.onInput(name, text)
    const before = at.form.data.form[field]
    at.form.onInput(field, value)
    const toast = await refused(publisher, () => at.form.onSubmit(), 10000)
    expect(toast).toMatch(labelled(field))
    at.form.onInput(field, before)
  })

  test('the form is sent, its switch on', async () => {
    at.form.onInput('designated_place', true)
    at.service = await at.form.onSubmit()
    expect(publisher.phone.pages.at(-1)).toBe('/pages/mine/mine')
  })

  test('it waits under its tab, and is counted', async () => {
    at.mine = await publisher.open(myServices)
    const pending = await at.mine.onTab(0)
    expect(pending.map(({ id }) => id)).toContain(at.service)
    expect(at.mine.data.counts.pending).toBe(at.mine.data.total)
    expect(pending.find(({ id }) => id === at.service)).toMatchObject({
      designated_place: 1,
      price: '128.50',
      score: '0',
      sales_volume: 0,
      status: 0,
    })
  })

  test('it cannot be published before it is approved', async () => {
    expect(await refused(publisher, () => at.mine.onAction(at.service, 1), 10009)).toMatch(/\p{Script=Han}/u)
  })

  test('nobody else sees it, or does anything with it', async () => {
    await refused(consumer, () => consumer.models.service.one(at.service), 10008)
    await refused(consumer, () => consumer.models.service.act(at.service, 3), 10008)
  })

  test('the operator refuses it', async () => {
    await operator('POST', `/services/${at.service}/review`, { decision: 'refuse', reason: '封面不清楚' })
    expect((await at.mine.onTab(5)).map(({ id }) => id)).toContain(at.service)
  })

  test('it is edited, the switch off and on again, and waits again', async () => {
    const form = await publisher.open(publish, { id: at.service })
    expect(form.data.form.designated_place).toBe(true)
    form.onInput('designated_place', false)
    expect(await form.onSubmit()).toMatchObject({ designated_place: 0, status: 0 })
    form.onInput('designated_place', true)
    form.onInput('title', '日常保洁，两小时')
    expect(await form.onSubmit()).toMatchObject({ designated_place: 1, title: '日常保洁，两小时' })
  })

  test('the operator approves it, and it is published', async () => {
    await operator('POST', `/services/${at.service}/review`, { decision: 'approve' })
    expect((await at.mine.onTab(1)).map(({ id }) => id)).toContain(at.service)
    await at.mine.onAction(at.service, 1)
    expect((await at.mine.onTab(2)).map(({ id }) => id)).toContain(at.service)
  })

  test('it stands first on everybody’s list', async () => {
    await at.home.onTab(0)
    expect(at.home.data.services[0].id).toBe(at.service)
  })

  test('it is paused, and published again', async () => {
    await at.mine.onAction(at.service, 2)
    await at.home.onTab(0)
    expect(at.home.data.services[0].id).not.toBe(at.service)
    await refused(consumer, () => consumer.models.order.create(at.service), 10011)
    await at.mine.onAction(at.service, 1)
  })
})

describe('an order', () => {
  test('a user sees whom to call', async () => {
    at.detail = await consumer.open(detail, { id: at.service })
    expect(at.detail.data.canCall).toBe(true)
    expect(at.detail.data.service.publisher).toMatchObject({ real_name: '李师傅', tel: '13800000001' })
  })

  test('needs the address that the service asks for', async () => {
    const toast = await refused(consumer, () => consumer.models.order.create(at.service), 10000)
    expect(toast).toMatch(labelled('address'))
  })

  test('is made with the address that the phone gives', async () => {
    consumer.phone.address = ADDRESS
    at.orderId = await at.detail.onOrder()
    at.order = await consumer.open(order, { id: at.orderId })
    expect(at.order.data.order.address_snap).toEqual({
      errMsg: 'chooseAddress:ok',
      ...consumer.phone.address,
    })
    expect(at.order.data.order).toMatchObject({ status: 0, price: '128.50' })
  })

  test('is also made with the address as a text', async () => {
    const address = JSON.stringify(await consumer.wx.chooseAddress())
    const { order_id } = await consumer.models.order.create(at.service, address)
    at.second = await consumer.open(order, { id: order_id })
    expect(at.second.data.order.address_snap.userName).toBe('张三')
  })

  test('of one’s own service is refused', async () => {
    const own = await publisher.open(detail, { id: at.service })
    publisher.phone.address = ADDRESS
    await refused(publisher, () => own.onOrder(), 10009)
  })

  test('is seen and counted on both sides, tab by tab', async () => {
    at.sold = await publisher.open(orderList, { role: '1' })
    at.bought = await consumer.open(orderList, { role: '2' })
    for (const list of [at.sold, at.bought]) {
      const waiting = await list.onTab(0)
      expect(waiting.map(({ id }) => id)).toEqual(expect.arrayContaining([at.orderId]))
      expect(list.data.counts.unapproved).toBe(waiting.length)
      for (const status of [1, 2, 3, 4, 5, 6]) {
        expect((await list.onTab(status)).every((found) => found.status === status)).toBe(true)
      }
    }
  })

  test('is nobody else’s', async () => {
    await (await stranger.open(login)).onSubmit('demo-5', 1005)
    await refused(stranger, () => stranger.models.order.one(at.orderId), 10008)
    await refused(stranger, () => stranger.models.order.act(at.orderId, 7), 10012)
  })

  test('is not paid before it is agreed', async () => {
    expect(await refused(consumer, () => at.order.onAction(3), 10017)).toMatch(/\p{Script=Han}/u)
  })

  test('is agreed by the publisher only', async () => {
    await refused(consumer, () => at.order.onAction(1), 10012)
    const page = await publisher.open(order, { id: at.orderId })
    expect(await page.onAction(1)).toBe(1)
    await refused(publisher, () => page.onAction(3), 10012)
  })

  test('another is rejected', async () => {
    const page = await publisher.open(order, { id: at.second.data.order.id })
    expect(await page.onAction(2)).toBe(6)
  })

  test('another is cancelled', async () => {
    const page = await consumer.open(order, { id: await at.detail.onOrder() })
    expect(await page.onAction(7)).toBe(5)
    await refused(consumer, () => page.onAction(3), 10017)
  })

  test('is paid, and confirmed', async () => {
    expect(await at.order.onAction(3)).toBe(2)
    expect(await at.order.onAction(4)).toBe(3)
    expect((await at.bought.onTab(3)).map(({ id }) => id)).toContain(at.orderId)
    expect(at.bought.data.counts.unrated).toBeGreaterThan(0)
  })
})

describe('a rating', () => {
  test('is refused without stars, and told by name', async () => {
    at.rate = await consumer.open(withPictures, { orderId: at.orderId })
    const toast = await refused(consumer, () => at.rate.onRate(0, '非常好'), 10000)
    expect(toast).toMatch(labelled('score'))
    expect(await refused(consumer, () => at.rate.onRate(5, ' '), 10000)).toMatch(labelled('content'))
  })

  test('of an order that has none is not found', async () => {
    await refused(consumer, () => consumer.models.rating.ofOrder(at.orderId), 10008)
  })

  test('is given with pictures, uploaded one by one', async () => {
    const bytes = Buffer.from(await (await fetch(at.detail.data.service.cover_image.path)).arrayBuffer())
    consumer.phone.album = [
      { name: 'one.png', bytes: PNG },
      { name: 'two', bytes },
    ]
    await at.rate.onPictures()
    expect(await at.rate.onRate(4, '非常好，\n下次还来。')).toMatchObject({
      score: '4',
      illustration: at.rate.data.pictures,
    })
  })

  test('is given once, and not by the publisher', async () => {
    await refused(consumer, () => at.rate.onRate(5, '再来一次'), 10021)
    const own = await publisher.open(withPictures, { orderId: at.orderId })
    await refused(publisher, () => own.onRate(5, '自己说好'), 10018)
    const others = await stranger.open(withPictures, { orderId: at.orderId })
    await refused(stranger, () => others.onRate(1, '不认识'), 10019)
  })

  test('stands with its order and with its service', async () => {
    expect(await consumer.models.rating.ofOrder(at.orderId)).toMatchObject({ status: 2, score: '4' })
    const page = await stranger.open(detail, { id: at.service })
    expect(page.data.ratings[0]).toMatchObject({ content: '非常好，\n下次还来。', score: '4' })
    expect(page.data.service).toMatchObject({ score: '4', sales_volume: 1 })
    expect((await consumer.open(order, { id: at.orderId })).data.order.status).toBe(4)
  })
})

describe('the end of a service', () => {
  test('the operator takes it down', async () => {
    await operator('POST', `/services/${at.service}/review`, { decision: 'take_down', reason: '收到投诉' })
    expect((await at.mine.onTab(3)).map(({ id }) => id)).toContain(at.service)
    expect(at.mine.data.counts.off_shelves).toBeGreaterThan(0)
    const form = await publisher.open(publish, { id: at.service })
    await refused(publisher, () => form.onSubmit(), 10009)
  })

  test('another is cancelled by its publisher', async () => {
    const form = await publisher.open(publish)
    for (const [name, value] of Object.entries(at.form.data.form)) form.onInput(name, value)
    const id = await form.onSubmit()
    await at.mine.onAction(id, 3)
    expect((await at.mine.onTab(4)).map((service) => service.id)).toContain(id)
  })

  test('every table of the document was met', () => {
    // Refunds have a life of their own.
    expect(witness.unseen().filter((row) => !row.includes('refund'))).toEqual([])
  })
})
