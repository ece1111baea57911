/** Something on every page, made through the API as its users would. */
import type { APIRequestContext, Page } from '@playwright/test'

import type { Demo } from '../support/demo'
import { call, signInStaff } from '../support/test'

/** Days that are certainly ahead, whatever time it is. */
export function inDays(days: number): string {
  const shanghai = new Date(Date.now() + 8 * 3_600_000 + days * 86_400_000)
  return shanghai.toISOString().slice(0, 10)
}

let people = 0

/** Books a slot and gives the appointment's id. */
export async function book(
  request: APIRequestContext,
  demo: Demo,
  place: { day: string; hour: number; minute: number; name?: string },
): Promise<number> {
  people += 1
  const { day, hour, minute, name = `预约人${people}` } = place
  const body = { day, hour, minute, name, open_id: `open-${people}-${Date.now()}`, phone_num: '13900000001' }
  const reply = (await call(request, demo, 'POST', '/v1/make-appointment', body)) as {
    error_msg: string
    data: { appointment_id: number } | null
  }
  if (reply.data === null) throw new Error(`${day} ${hour}:${minute}: ${reply.error_msg}`)
  return reply.data.appointment_id
}

const filled = new WeakSet<Demo>()

/** Signs in, and fills the demo of this worker once. */
export async function fill(page: Page, demo: Demo): Promise<void> {
  await signInStaff(page, demo)
  if (filled.has(demo)) return
  filled.add(demo)
  const { request } = page
  const first = await book(request, demo, { day: inDays(1), hour: 9, minute: 0, name: '张三丰' })
  await book(request, demo, { day: inDays(1), hour: 9, minute: 10, name: '李四' })
  const gone = await book(request, demo, { day: inDays(1), hour: 14, minute: 20, name: '王五' })
  await book(request, demo, { day: inDays(2), hour: 15, minute: 50, name: '欧阳娜娜' })
  await bookToday(request, demo)
  await call(request, demo, 'POST', '/v1/sign-in', { appintment_id: first })
  await call(request, demo, 'POST', `/admin/v1/appointments/${gone}/cancel`)
  await register(request, demo, '13811111111')
  await register(request, demo, '13822222222')
  await call(request, demo, 'POST', '/admin/v1/devices', { name: '一楼大厅闸机', kind: 'gate' })
  await call(request, demo, 'POST', '/admin/v1/api-keys', { name: '报表程序', role: 'auditor' })
  const account = { username: 'xiaolin', password: 'a long enough secret', role: 'reception' }
  await call(request, demo, 'POST', '/admin/v1/staff', account)
}

/** For the charts of today, as far as the day is not over. */
async function bookToday(request: APIRequestContext, demo: Demo): Promise<void> {
  const day = inDays(0)
  const hours = (await call(request, demo, 'POST', '/v1/available-hours/list', { day })) as {
    data: { hour: number; status: number }[]
  }
  const free = hours.data.filter(({ status }) => status === 0).slice(-3)
  for (const [at, { hour }] of free.entries()) {
    for (let minute = 50; minute >= 50 - at * 10; minute -= 10) {
      const id = await book(request, demo, { day, hour, minute })
      if (minute === 50) await call(request, demo, 'POST', '/v1/sign-in', { appintment_id: id })
    }
  }
}

async function register(request: APIRequestContext, demo: Demo, mobile: string): Promise<void> {
  await call(request, demo, 'POST', '/v1/login/sms_code', { mobile })
  const code = await received(request, demo, mobile)
  const body = {
    grant_type: 'sms_code',
    client_id: 13,
    mobile,
    sms_code: code,
    nickname: `会员${mobile.slice(-4)}`,
  }
  await call(request, demo, 'POST', '/v1/login/token', body)
}

/** The login code that the simulated provider got. */
async function received(request: APIRequestContext, demo: Demo, mobile: string): Promise<string> {
  for (let look = 0; look < 100; look += 1) {
    const messages = (await call(request, demo, 'GET', `/demo/messages?phone=${mobile}`)) as {
      params: { code?: string }
    }[]
    const code = messages.find((message) => message.params.code !== undefined)?.params.code
    if (code !== undefined) return code
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('no login code came')
}
