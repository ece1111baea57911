/**
 * A front end for the visitors documents (001, 002): the page in WeChat of a visitor and of an employee, the management
 * pages, the kiosk and the gate, by `fetch` as it comes.
 */
import { describe, expect, test } from 'vitest'

import { messageTo, useDemo } from './support/server'
import { createWitness } from './support/witness'
import { VISITORS } from './tables/visitors'

// A zone where it is about noon, so that "later today" exists whenever this runs.
const offset = 12 - new Date().getUTCHours()
const noon = offset === 0 ? 'Etc/GMT' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`

const demo = useDemo({ YUYUE_TIMEZONE: noon })
const witness = createWitness(VISITORS)

/** All the front end's calls: the whole reply of a success, or an error with `code`. */
async function ask(method, path, { query, body } = {}) {
  const search = query ? `?${new URLSearchParams(query)}` : ''
  const answer = await fetch(demo.url + path + search, {
    method,
    ...(body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const reply = await answer.json()
  witness.see(method, path, reply)
  if (reply.code === 0) return reply
  throw Object.assign(new Error(reply.err_msg), { code: reply.code })
}

const get = (path, query) => ask('GET', path, { query })
const post = (path, body) => ask('POST', path, { body })
const put = (path, body) => ask('PUT', path, { body })
const remove = (path) => ask('DELETE', path)

/** The text of what is refused with `code`. */
async function refused(asking, code) {
  const error = await asking.catch((refusal) => refusal)
  expect(error, 'it is refused').toBeInstanceOf(Error)
  expect([error.code, error.message]).toEqual([code, error.message])
  return error.message
}

const without = (fields, ...names) =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)))
const inMinutes = (minutes) => Math.floor(Date.now() / 1000) + minutes * 60
const host = { weixinUserId: 'wx-host', name: '李四', phone: '13811111111' }
const guest = { weixinUserId: 'wx-guest', phone: '13900000001' }
const friend = { name: '王某', phone: '13900000002' }

const application = (changes = {}) => ({
  subject_type: 1,
  name: '张三',
  phone: guest.phone,
  purpose: 2,
  come_from: 'ZY',
  proposer: guest.phone,
  interviewee: host.name,
  interviewee_phone: host.phone,
  start_time: inMinutes(-5),
  end_time: inMinutes(120),
  retinues: [friend],
  ...changes,
})
const at = {}

describe('an employee in WeChat', () => {
  test('is not bound at first', async () => {
    expect((await get('/v1/subject/binding', { weixinUserId: host.weixinUserId })).data).toEqual({})
    const text = await refused(get('/v1/wechat/is_binding', { weixinUserId: host.weixinUserId }), 404)
    expect(text).toBe('没有该微信号绑定的用户')
  })

  test('is nobody under another name', async () => {
    await refused(post('/v1/subject/binding', { ...host, name: '不在' }), -103)
  })

  test('is told which field is missing', async () => {
    expect(await refused(post('/v1/subject/binding', { ...host, phone: '' }), 400)).toContain('phone')
    expect(await refused(get('/v1/subject/binding', {}), 400)).toContain('weixinUserId')
  })

  test('binds, and may press twice', async () => {
    const { data } = await post('/v1/subject/binding', host)
    expect(data).toMatchObject({ name: '李四', department: '法务部', phone: host.phone, subject_id: 13562 })
    expect((await post('/v1/subject/binding', host)).data).toEqual(data)
    at.avatar = data.avatar
  })

  test('has a picture that can be shown', async () => {
    const picture = await fetch(at.avatar)
    expect(picture.status).toBe(200)
    expect(picture.headers.get('content-type')).toMatch(/^image\//)
  })

  test('is bound from now on', async () => {
    const query = { weixinUserId: host.weixinUserId }
    expect((await get('/v1/subject/binding', query)).data.name).toBe('李四')
    const { data } = await get('/v1/wechat/is_binding', query)
    expect(data).toMatchObject({ type: 'employee', department: '法务部', subject_id: 13562 })
  })

  test('cannot be bound to another, nor have two WeChats', async () => {
    await refused(post('/v1/subject/binding', { ...host, name: '富贵', phone: '13822222222' }), -101)
    await refused(post('/v1/subject/binding', { ...host, weixinUserId: 'wx-second' }), -102)
  })
})

describe('a visitor in WeChat', () => {
  test('is not bound at first, and binds', async () => {
    const query = { weixinUserId: guest.weixinUserId }
    expect((await get('/v1/visitor/binding', query)).data).toEqual({})
    expect((await post('/v1/visitor/binding', guest)).data.phone).toBe(guest.phone)
    expect((await get('/v1/visitor/binding', query)).data.phone).toBe(guest.phone)
  })

  test('is a visitor to whoever asks', async () => {
    const query = { weixinUserId: guest.weixinUserId }
    const { data } = await get('/v1/wechat/is_binding', query)
    expect(data).toMatchObject({ type: 'visitor', department: '', subject_id: -1, phone: guest.phone })
    expect((await get('/v1/subject/binding', query)).data).toEqual({})
  })

  test('can choose among five purposes', async () => {
    const { data } = await get('/v1/subject/purpose')
    expect(data.map(({ value }) => value)).toEqual([0, 1, 2, 3, 4])
  })

  test('applies, with somebody who comes along', async () => {
    const { data } = await post('/v1/subject', application())
    expect(data).toMatchObject({
      name: '张三',
      come_from: 'ZY',
      purpose: 2,
      proposer: guest.phone,
      photo: '',
    })
    expect(data.retinues).toHaveLength(1)
    at.id = data.id
  })

  test('applies with every field that the table has, the empty ones empty', async () => {
    const empty = { remark: '', group_ids: '', photo: '', retinues: [{ ...friend, photo: '' }] }
    const { data } = await post(
      '/v1/subject',
      application({ ...empty, phone: '13900000031', proposer: '13900000031' }),
    )
    expect(data).toMatchObject({ remark: '', group_ids: '', photo: '' })
  })

  test('applies without what may be left out, the times as text', async () => {
    const time = (seconds) => new Date(seconds * 1000).toLocaleString('sv-SE', { timeZone: noon })
    const whole = application({ phone: '13900000032', proposer: '13900000032' })
    const short = without(whole, 'purpose', 'come_from', 'retinues')
    const times = { start_time: time(inMinutes(60)), end_time: time(inMinutes(90)) }
    const { data } = await post('/v1/subject', { ...short, ...times })
    expect(data).toMatchObject({ purpose: 0, come_from: '', retinues: [] })
    expect(data.end_time - data.start_time).toBe(1_800)
  })

  test.each([
    ['name', { name: '' }],
    ['phone', { phone: 'abc' }],
    ['purpose', { purpose: 9 }],
    ['subject_type', { subject_type: 2 }],
    ['start_time', { start_time: '' }],
    ['retinues[0].phone', { retinues: [{ name: '王某' }] }],
  ])('is told that %s is wrong', async (field, changes) => {
    expect(await refused(post('/v1/subject', application(changes)), 400)).toContain(field)
  })

  test('cannot apply for others, nor for yesterday', async () => {
    await refused(post('/v1/subject', application({ proposer: '13900000009' })), -201)
    const over = application({ start_time: inMinutes(-90), end_time: inMinutes(-30) })
    expect(await refused(post('/v1/subject', over), 400)).toContain('end_time')
  })

  test('gets a receipt, and the employee a reminder', async () => {
    expect((await messageTo(demo, guest.phone)).channel).toMatch(/sms|wechat/)
    expect((await messageTo(demo, host.phone)).channel).toMatch(/sms|wechat/)
  })

  test('sees the application, not authorised and without a code', async () => {
    const { data, page } = await get('/v1/visit/records', { type: 'mobile', proposer: guest.phone })
    expect(data[0]).toMatchObject({ id: at.id, is_auth: 0, signin_time: 0, qrcode: '', qrcode_img_url: '' })
    expect(page).toEqual({ count: 1, current: 1, size: 5, total: 1 })
  })
})

describe('the employee decides', () => {
  test('the application stands in the list', async () => {
    const { data } = await get('/v1/auth/records', { phone: host.phone, page: 1, size: 10 })
    expect(data.map(({ id }) => id)).toContain(at.id)
  })

  test('a kiosk finds it, not authorised', async () => {
    await refused(post('/v1/visit/signin', { phone: guest.phone }), -207)
  })

  test('an unknown one cannot be authorised', async () => {
    await refused(put('/v1/auth/987654321'), 404)
  })

  test('it is authorised, by a put without a body; pressing twice does no harm', async () => {
    await put(`/v1/auth/${at.id}`)
    await put(`/v1/auth/${at.id}`)
    const query = { type: 'mobile', proposer: guest.phone, is_auth: 1 }
    expect((await get('/v1/visit/records', query)).data.map(({ id }) => id)).toEqual([at.id])
  })

  test('visitor and companion are told', async () => {
    await messageTo(demo, guest.phone, ({ params }) => JSON.stringify(params).includes('李四'))
    await messageTo(demo, friend.phone)
  })

  test('the employee invites, which needs no approval', async () => {
    const invitation = application({ name: '赵六', phone: '13900000003', proposer: host.phone, retinues: [] })
    at.invited = (await post('/v1/subject', invitation)).data.id
    const { data } = await get('/v1/visit/records', { type: 'mobile', proposer: host.phone })
    expect(data[0]).toMatchObject({ id: at.invited, is_auth: 1 })
    await messageTo(demo, '13900000003')
  })
})

describe('the kiosk and the gate', () => {
  test('who has nothing today is told so', async () => {
    await refused(post('/v1/visit/signin', { phone: '13900000077' }), -206)
  })

  test('the visitor signs in, and everybody has a code', async () => {
    const { data } = await post('/v1/visit/signin', { phone: guest.phone })
    expect(data.id).toBe(at.id)
    at.codes = [data, ...data.retinues]
    expect(new Set(at.codes.map(({ qrcode }) => qrcode)).size).toBe(2)
    expect(at.codes.every(({ qrcode }) => JSON.parse(qrcode).id === at.id)).toBe(true)
  })

  test('the codes are pictures too', async () => {
    for (const { qrcode_img_url } of at.codes) {
      const picture = await fetch(qrcode_img_url)
      expect(picture.status).toBe(200)
      expect(picture.headers.get('content-type')).toBe('image/jpeg')
      expect(
        Buffer.from(await picture.arrayBuffer())
          .subarray(0, 2)
          .toString('hex'),
      ).toBe('ffd8')
    }
  })

  test('the companion signs in to the same codes', async () => {
    const { data } = await post('/v1/visit/signin', { phone: friend.phone })
    expect([data, ...data.retinues].map(({ qrcode }) => qrcode)).toEqual(at.codes.map(({ qrcode }) => qrcode))
  })

  test('the records of the phone and of the PC show them', async () => {
    for (const query of [
      { type: 'mobile', proposer: guest.phone },
      { type: 'web', phone: guest.phone },
    ]) {
      const [visit] = (await get('/v1/visit/records', query)).data
      expect(visit).toMatchObject({ qrcode: at.codes[0].qrcode, qrcode_img_url: at.codes[0].qrcode_img_url })
      expect(visit.retinues[0].qrcode).toBe(at.codes[1].qrcode)
      expect(visit.signin_time).toBeGreaterThan(inMinutes(-10))
    }
  })

  test('the employee is told who came', async () => {
    await messageTo(demo, host.phone, ({ params }) => JSON.stringify(params).includes('张三'))
  })

  test('the gate opens for both, again and again', async () => {
    for (const { qrcode } of [...at.codes, ...at.codes]) await post('/v1/visit/qrcode', { qrcode })
  })

  test('the gate reads the code as the document prints it, and as an object', async () => {
    const { id, qrcode } = JSON.parse(at.codes[0].qrcode)
    await post('/v1/visit/qrcode', { qrcode: `{"id":${id}, qrcode":"${qrcode}"}` })
    await post('/v1/visit/qrcode', { qrcode: { id, qrcode } })
  })

  test('the gate stays closed for what is no code', async () => {
    await refused(post('/v1/visit/qrcode', { qrcode: 'https://example.com' }), -211)
    const made = JSON.stringify({ id: at.id, qrcode: '0'.repeat(32) })
    await refused(post('/v1/visit/qrcode', { qrcode: made }), -211)
    expect(await refused(post('/v1/visit/qrcode', {}), 400)).toContain('qrcode')
  })

  test('a code of this afternoon does not open it now', async () => {
    const later = application({
      name: '孙七',
      phone: '13900000004',
      proposer: host.phone,
      retinues: [],
      start_time: inMinutes(90),
      end_time: inMinutes(150),
    })
    await post('/v1/subject', later)
    const { data } = await post('/v1/visit/signin', { phone: '13900000004' })
    await refused(post('/v1/visit/qrcode', { qrcode: data.qrcode }), -210)
  })
})

describe('the management pages', () => {
  test('list everything, page by page', async () => {
    const first = await get('/v1/visit/records', { type: 'web', page: 1, size: 2 })
    expect(first.data).toHaveLength(2)
    expect(first.page).toMatchObject({ current: 1, size: 2, total: Math.ceil(first.page.count / 2) })
    const second = await get('/v1/visit/records', { type: 'web', page: 2, size: 2 })
    expect(second.data[0].id).toBeLessThan(first.data[1].id)
  })

  test('list with every field of the form empty', async () => {
    const names = [
      'proposer',
      'name',
      'phone',
      'interviewee',
      'interviewee_phone',
      'start_time',
      'end_time',
      'is_auth',
    ]
    const empty = Object.fromEntries(names.map((name) => [name, '']))
    expect((await get('/v1/visit/records', { type: 'web', ...empty })).data.length).toBeGreaterThan(3)
  })

  test('find by a part of a name, by number, by time', async () => {
    const find = async (query) => (await get('/v1/visit/records', { type: 'web', size: 100, ...query })).data
    expect((await find({ name: '赵' })).map(({ id }) => id)).toEqual([at.invited])
    expect((await find({ interviewee: '四' })).length).toBeGreaterThan(3)
    expect((await find({ interviewee_phone: host.phone })).length).toBeGreaterThan(3)
    expect((await find({ is_auth: 0 })).every(({ is_auth }) => is_auth === 0)).toBe(true)
    expect(await find({ start_time: inMinutes(6_000), end_time: inMinutes(9_000) })).toEqual([])
    expect(await find({ phone: '13900000099' })).toEqual([])
  })

  test('need the caller’s type, and a proposer from a phone', async () => {
    expect(await refused(get('/v1/visit/records', { type: 'tv' }), 400)).toContain('type')
    expect(await refused(get('/v1/visit/records', {}), 400)).toContain('type')
    expect(await refused(get('/v1/visit/records', { type: 'mobile' }), 400)).toContain('proposer')
  })

  test('delete a record, and its code opens no gate any more', async () => {
    await remove(`/v1/visit/records/${at.id}`)
    const text = await refused(post('/v1/visit/qrcode', { qrcode: at.codes[0].qrcode }), -209)
    expect(text).toBe('通行权限已过期')
    await refused(remove(`/v1/visit/records/${at.id}`), 404)
  })

  test('read and save the servers', async () => {
    const { data } = await get('/v1/config/servers')
    expect((await put('/v1/config/servers', data)).data).toEqual(data)
    expect((await get('/v1/config/servers')).data).toEqual(data)
  })

  test('are told what is missing of the servers', async () => {
    const { data } = await get('/v1/config/servers')
    expect(await refused(put('/v1/config/servers', without(data, 'koala_ip')), 400)).toContain('koala_ip')
  })

  test('read and save the templates', async () => {
    const { data } = await get('/v1/config/templates')
    const changed = { ...data, signin_to_visitor_sms_id: 'SMS_167041492' }
    expect((await put('/v1/config/templates', changed)).data).toEqual(changed)
    expect((await put('/v1/config/templates', data)).data).toEqual(data)
  })
})

describe('fetch as it comes', () => {
  const send = async (method, path, body) => {
    const answer = await fetch(demo.url + path, { method, body })
    return { status: answer.status, reply: await answer.json() }
  }

  test('a body without a Content-Type of its own is told what is wanted', async () => {
    const { status, reply } = await send('POST', '/v1/visit/signin', JSON.stringify({ phone: guest.phone }))
    expect(status).toBe(415)
    expect(reply).toMatchObject({ code: 415, err_msg: expect.stringContaining('application/json') })
  })

  test('an empty body is none', async () => {
    const { status, reply } = await send('POST', '/v1/visit/signin', '')
    expect([status, reply.code]).toEqual([200, 400])
    expect(reply.err_msg).toContain('phone')
  })

  test('a put with an empty body is one without', async () => {
    const { status, reply } = await send('PUT', `/v1/auth/${at.invited}`, '')
    expect([status, reply.code]).toEqual([200, 0])
  })

  test('a form without fields is no body either', async () => {
    const { status, reply } = await send('POST', '/v1/visit/signin', new URLSearchParams())
    expect([status, reply.code]).toEqual([200, 400])
  })
})

describe('leaving', () => {
  test('both unbind, once', async () => {
    for (const { weixinUserId } of [host, guest]) {
      await remove(`/v1/subject/binding/${weixinUserId}`)
      await refused(remove(`/v1/subject/binding/${weixinUserId}`), 404)
    }
    expect((await get('/v1/subject/binding', { weixinUserId: host.weixinUserId })).data).toEqual({})
  })

  test('the WeChat may be bound to somebody else now', async () => {
    const { data } = await post('/v1/subject/binding', { ...host, name: '富贵', phone: '13822222222' })
    expect(data.department).toBe('市场部')
  })

  test('every table of the documents was met', () => {
    expect(witness.unseen()).toEqual([])
  })
})
