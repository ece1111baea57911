/** A TypeScript client made of server/openapi.json books, visits, and gets its money back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import createClient from 'openapi-fetch'

import type { components, paths } from './schema.js'

type Schemas = components['schemas']

const url = process.env['YUYUE_URL']!
const api = createClient<paths>({ baseUrl: url })

/** The data of a slots reply, which must be a success. */
function done<Data>(reply: { error_no: 0; data: Data } | { error_no: number } | undefined) {
  assert.equal(reply?.error_no, 0)
  return (reply as { data: Data }).data
}

test('a booking and a refusal', async () => {
  const days = done((await api.POST('/v1/available-days/list')).data).days
  const day = days.at(-1)!
  const hours = done((await api.POST('/v1/avaliable-hours/list', { body: { day } })).data)
  const hour = hours.find((one) => one.status === 0)!.hour
  const status = async () => {
    const { data } = await api.POST('/avaliable-minutes/list', { body: { day, hour } })
    return done(data).minutes.find((one) => one.minute === 30)?.status
  }
  assert.equal(await status(), 0)

  const book = (open_id: string, phone_num: string) =>
    api.POST('/v1/make-appointment', {
      body: { day, hour, minute: 30, open_id, name: '张三', phone_num },
    })
  const { appointment_id, datetime } = done((await book('typescript-1', '13900000201')).data)
  assert.equal(datetime, `${day} ${String(hour).padStart(2, '0')}:30:00`)
  assert.equal(await status(), 1)

  const refused = await book('typescript-2', '13900000202')
  assert.equal(refused.response.status, 200)
  const { error_no, data } = refused.data as Schemas['SlotsError']
  assert.deepEqual([error_no, data], [2001, null])

  const cancel = () =>
    api.POST('/v1/cancel-appointment', { body: { open_id: 'typescript-1', appointment_id } })
  assert.equal(done((await cancel()).data).appointment_id, appointment_id)
  assert.equal((await cancel()).data?.error_no, 3002)
  assert.equal(await status(), 0)
})

/** The data of a visitors reply, which must be a success. */
function told<Reply extends { code: number; data?: unknown }>(reply: Reply | { code: number } | undefined) {
  assert.equal(reply?.code, 0)
  return (reply as Reply).data as NonNullable<Reply['data']>
}

test('a visit', async () => {
  const host = '13822222222'
  const guest = '13900000211'
  const who = { params: { query: { weixinUserId: 'typescript-guest' } } }
  assert.deepEqual(told((await api.GET('/v1/visitor/binding', who)).data), {})
  const employee = { weixinUserId: 'typescript-host', name: '富贵', phone: host }
  const bound = await api.POST('/v1/subject/binding', { body: employee })
  assert.equal(told<Schemas['VisitorsReply_EmployeeView']>(bound.data).department, '市场部')
  await api.POST('/v1/visitor/binding', { body: { weixinUserId: 'typescript-guest', phone: guest } })
  const binding = told<Schemas['VisitorsReply_VisitorView']>((await api.GET('/v1/visitor/binding', who)).data)
  assert.equal(binding.phone, guest)

  const start_time = Math.floor(Date.now() / 1000)
  const applied = await api.POST('/v1/subject', {
    body: {
      subject_type: 1,
      name: '张三',
      phone: guest,
      proposer: guest,
      interviewee: '富贵',
      interviewee_phone: host,
      start_time,
      end_time: start_time + 3600,
    },
  })
  const { id, is_auth } = told<Schemas['VisitorsReply_Record']>(applied.data)
  assert.equal(is_auth, 0)
  const signIn = () => api.POST('/v1/visit/signin', { body: { phone: guest } })
  const early = (await signIn()).data
  assert.ok(early && early.code !== 0 && early.err_msg !== '')

  await api.PUT('/v1/auth/{id}', { params: { path: { id } }, body: {} })
  const signedIn = told<Schemas['VisitorsReply_VisitSignedIn']>((await signIn()).data)
  assert.equal(signedIn.id, id)
  const check = async (qrcode: string) =>
    (await api.POST('/v1/visit/qrcode', { body: { qrcode } })).data?.code
  assert.equal(await check(signedIn.qrcode), 0)
  assert.equal(await check(JSON.stringify({ id, qrcode: '0'.repeat(32) })), -211)
})

async function user(number: number) {
  const pair = { i_code: `demo-${number}`, order_no: 1000 + number }
  const { data } = await api.POST('/homemaking/v1/token', { body: pair })
  assert.ok(data)
  return createClient<paths>({ baseUrl: url, headers: { token: data.data.token } })
}

test('an order is paid and paid back', async () => {
  const [publisher, consumer] = [await user(1), await user(2)]
  const created = await consumer.POST('/homemaking/v1/order', {
    body: { service_id: 1, address: { userName: '张三', detailInfo: '新港中路397号' } },
  })
  assert.equal(created.response.status, 201)
  const order = { params: { path: { id: created.data!.data.order_id } } }
  const act = async (client: typeof api, action: number) =>
    (await client.POST('/homemaking/v1/order/{id}', { ...order, body: { action } })).error?.error_code
  const shown = async () => (await consumer.GET('/homemaking/v1/order/{id}', order)).data!.data

  assert.equal(await act(consumer, 1), 10012)
  assert.equal(await act(publisher, 1), undefined)
  assert.equal((await shown()).status, 1)
  assert.equal(await act(consumer, 3), undefined)
  assert.equal((await shown()).status, 2)

  const asked = await consumer.POST('/homemaking/v1/refund', {
    body: { order_id: order.params.path.id, reason: '临时有事' },
  })
  const refund = { params: { path: { id: asked.data!.data.id } } }
  const agreed = await publisher.POST('/homemaking/v1/refund/{id}', { ...refund, body: { action: 1 } })
  assert.equal(agreed.data?.data.result, true)
  assert.equal(await paidBack(consumer, refund), 5)
})

/** The order's status once the system, which works through its jobs on its own, has paid back. */
async function paidBack(client: typeof api, refund: { params: { path: { id: number } } }) {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    const { data } = await client.GET('/homemaking/v1/refund/{id}', refund)
    if (data!.data.status === 2) return data!.data.service_order.status
    assert.equal(data!.data.status, 1, 'agreed, and on its way')
  }
  assert.fail('it was not paid back')
}
