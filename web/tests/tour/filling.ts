/** A day at a company: what a demo needs to be worth a picture. */
import type { APIRequestContext, Browser } from '@playwright/test'

import type { Demo } from '../browser/support/demo'
import { appealed, draw, enter, paid, service } from '../browser/support/market'
import { call } from '../browser/support/test'

const PEOPLE = [
  '陈晓明',
  '林静',
  '周文',
  '何俊',
  '郭芳',
  '梁伟',
  '宋佳',
  '唐宁',
  '许诺',
  '韩梅',
  '冯军',
  '曹颖',
]
const HOSTS = [
  { interviewee: '李四', interviewee_phone: '13811111111' },
  { interviewee: '富贵', interviewee_phone: '13822222222' },
  { interviewee: '王芳', interviewee_phone: '13833333333' },
]
const COMPANIES = ['中运科技', '宏图设计', '远山物流', '']

interface Reply<Data> {
  data: Data
}

const phoneOf = (at: number) => `1390000${String(1_000 + at)}`

const APPOINTMENTS = 40

/** Appointments of the next days; the numbers of those that are not signed in. */
export async function fillAppointments(request: APIRequestContext, demo: Demo): Promise<number[]> {
  const post = async <Data>(path: string, body: unknown) =>
    ((await call(request, demo, 'POST', path, body)) as Reply<Data>).data
  const { days } = await post<{ days: string[] }>('/v1/available-days/list', {})
  const waiting: number[] = []
  for (let at = 0; at < APPOINTMENTS; at += 1) {
    const place = { day: days[at % 7], hour: [9, 10, 13, 14, 15][at % 5], minute: (at % 6) * 10 }
    const person = { open_id: `tour-${at}`, name: PEOPLE[at % PEOPLE.length], phone_num: phoneOf(at) }
    const booked = await post<{ appointment_id: number } | null>('/v1/make-appointment', {
      ...place,
      ...person,
    })
    // Early in the day every slot of today is free, later some are over.
    if (booked === null) continue
    if (at % 3 === 0) await post('/v1/sign-in', { appintment_id: booked.appointment_id })
    else waiting.push(booked.appointment_id)
  }
  return waiting
}

/** Visits in every state. */
export async function fillVisits(request: APIRequestContext, demo: Demo): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  for (const [at, name] of PEOPLE.entries()) {
    const host = HOSTS[at % HOSTS.length]
    const phone = phoneOf(at)
    const isInvited = at % 4 === 0
    const applied = (await call(request, demo, 'POST', '/v1/subject', {
      subject_type: 1,
      name,
      phone,
      proposer: isInvited ? host?.interviewee_phone : phone,
      ...host,
      purpose: at % 5,
      come_from: COMPANIES[at % COMPANIES.length],
      start_time: now - 1_800 + at * 60,
      end_time: now + 10_800 + at * 300,
      retinues: at % 4 === 1 ? [{ name: '孙丽', phone: phoneOf(500 + at) }] : [],
    })) as Reply<{ id: number }>
    if (at % 4 === 3) continue
    if (!isInvited) await call(request, demo, 'PUT', `/v1/auth/${applied.data.id}`)
    if (at % 4 === 2) continue
    const signedIn = (await call(request, demo, 'POST', '/v1/visit/signin', { phone })) as Reply<{
      qrcode: string
    }>
    await call(request, demo, 'POST', '/v1/visit/qrcode', { qrcode: signedIn.data.qrcode })
  }
}

/** What a consumer of the marketplace enters with. */
export const CONSUMER = { i_code: 'spring-2', order_no: 7002 }

/** Services to look at, an order that was paid, and an appeal to decide; the numbers of order and refund. */
export async function fillMarket(
  request: APIRequestContext,
  demo: Demo,
  browser: Browser,
): Promise<{ order: number; refund: number }> {
  const pairs = { publisher: { i_code: 'spring-1', order_no: 7001 }, consumer: CONSUMER }
  const market = await enter(request, demo, await draw(browser), pairs)
  await service(market, '深度保洁四小时')
  await service(market, '空调清洗')
  const refund = await appealed(market, '月嫂')
  return { order: await paid(market, '上门做饭'), refund }
}
