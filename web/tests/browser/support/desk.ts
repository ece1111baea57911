/** What the tests of kiosk and gate share: a demo where it is about noon, visits, and readers that pose as keyboards. */
import { type APIRequestContext, expect, type Page } from '@playwright/test'

import { type Demo, startDemo } from './demo'
import { call, test as base } from './test'

/** A zone where it is about noon, so that "later today" exists whenever the tests run. */
const NOON = zoneOf(12 - new Date().getUTCHours())

function zoneOf(offset: number): string {
  // POSIX counts these names westward.
  return offset === 0 ? 'Etc/GMT' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`
}

/** Minutes from now on the demo's clock, as a form has it. */
export function inMinutes(minutes: number): string {
  const at = new Date(Date.now() + minutes * 60_000)
  return at.toLocaleString('sv-SE', { timeZone: NOON }).slice(0, 16).replace(' ', 'T')
}

export const test = base.extend<object, { demo: Demo }>({
  demo: [
    // Playwright tells fixtures by their destructured first argument.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const demo = await startDemo({ YUYUE_TIMEZONE: NOON })
      await use(demo)
      await demo.stop()
    },
    { scope: 'worker', timeout: 90_000 },
  ],
})

export { expect }

export interface Person {
  name: string
  phone: string
}

export interface Plan {
  companions?: Person[]
  /** Seconds from now. */
  from?: number
  until?: number
  isAuthorised?: boolean
}

const HOST: Person = { name: '李四', phone: '13811111111' }
let phones = 0

/** A phone that no other test of this run has. */
export function freshPhone(): string {
  phones += 1
  return `139${String(process.pid % 10_000).padStart(4, '0')}${String(phones).padStart(4, '0')}`
}

interface Reply<Data> {
  code: number
  err_msg: string
  data: Data
}

/** A visit that somebody applied for; its id. */
export async function book(
  request: APIRequestContext,
  demo: Demo,
  visitor: Person,
  plan: Plan = {},
): Promise<number> {
  const { companions = [], from = -60, until = 7_200, isAuthorised = true } = plan
  const now = Math.floor(Date.now() / 1000)
  const applied = (await call(request, demo, 'POST', '/v1/subject', {
    subject_type: 1,
    ...visitor,
    proposer: visitor.phone,
    purpose: 2,
    interviewee: HOST.name,
    interviewee_phone: HOST.phone,
    start_time: now + from,
    end_time: now + until,
    retinues: companions,
  })) as Reply<{ id: number }>
  expect(applied.code, applied.err_msg).toBe(0)
  if (isAuthorised) {
    const authorised = (await call(request, demo, 'PUT', `/v1/auth/${applied.data.id}`)) as Reply<unknown>
    expect(authorised.code, authorised.err_msg).toBe(0)
  }
  return applied.data.id
}

/** Signs in past the kiosk; what the visitor's code holds. */
export async function signIn(request: APIRequestContext, demo: Demo, phone: string): Promise<string> {
  const reply = (await call(request, demo, 'POST', '/v1/visit/signin', { phone })) as Reply<{
    qrcode: string
  }>
  expect(reply.code, reply.err_msg).toBe(0)
  return reply.data.qrcode
}

/** A reader types what it read, and Enter, without a pause: a loaded machine must not make a slow typist of it. */
export async function scan(page: Page, text: string): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const press = (key: string, character: string) => [
    session.send('Input.dispatchKeyEvent', { type: 'keyDown', key, text: character }),
    session.send('Input.dispatchKeyEvent', { type: 'keyUp', key }),
  ]
  await Promise.all([...Array.from(text, (key) => press(key, key)), press('Enter', '\r')].flat())
  await session.detach()
}
