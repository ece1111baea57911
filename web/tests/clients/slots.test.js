/**
 * A front end for the slots document (000): its page for phones and its screen at the desk, by axios as it comes.
 * Paths and fields are spelt as the document spells them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'

import { createAxios } from './support/axios'
import { createOperator, dayAfter, useDemo } from './support/server'
import { createWitness } from './support/witness'
import { SLOTS } from './tables/slots'

const demo = useDemo()
const witness = createWitness(SLOTS)
const http = createAxios(demo, witness)
const operator = createOperator(demo)

/** All the front end's calls: `data` of a success, or an error with `error_no`. */
async function ask(path, body) {
  const { data: reply } = await http.post(path, body)
  if (reply.error_no === 0) return reply.data
  throw Object.assign(new Error(reply.error_msg), { error_no: reply.error_no })
}

/** The `error_no` of what is refused, and its text. */
async function refusal(path, body) {
  const error = await ask(path, body).catch((refused) => refused)
  expect(error, `${path} is refused`).toBeInstanceOf(Error)
  return { error_no: error.error_no, text: error.message }
}

/** A screen at the desk: the texts that came, and a way to wait for the next. */
async function screen(query = '') {
  const socket = new WebSocket(`${demo.url.replace('http', 'ws')}/ws/signin-notify${query}`)
  const frames = []
  const waiting = []
  socket.on('message', (data, isBinary) => {
    const frame = isBinary ? data : data.toString()
    const next = waiting.shift()
    if (next) next(frame)
    else frames.push(frame)
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const next = () =>
    frames.length > 0 ? frames.shift() : new Promise((resolve) => void waiting.push(resolve))
  return { next, frames, close: () => socket.close() }
}

const me = { open_id: 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M', name: '张三', phone_num: '13811111111' }
const other = { open_id: 'oGZUI0egBJY1zhBYw2KhdUfwVJJE', name: '李四', phone_num: '13822222222' }
const place = {}

beforeAll(() => {
  place.day = dayAfter(3)
})

describe('looking for a time', () => {
  test('the days, by a post without a body', async () => {
    const { days } = await ask('/v1/available-days/list')
    expect(days).toContain(place.day)
    expect(days).toEqual([...days].sort())
  })

  test('the days, by a post of {}', async () => {
    const { days } = await ask('/v1/available-days/list', {})
    expect(days).toContain(place.day)
  })

  test('the hours, at the misspelt path', async () => {
    const hours = await ask('/v1/avaliable-hours/list', { day: place.day })
    expect(hours.map(({ hour }) => hour)).toEqual([9, 10, 13, 14, 15])
    expect(hours.every(({ status }) => status === 0)).toBe(true)
  })

  test('the hours, at the path spelt right', async () => {
    expect(await ask('/v1/available-hours/list', { day: place.day })).toHaveLength(5)
  })

  test('the minutes, at the printed path', async () => {
    const { minutes } = await ask('/avaliable-minutes/list', { day: place.day, hour: 10 })
    expect(minutes.map(({ minute }) => minute)).toEqual([0, 10, 20, 30, 40, 50])
  })

  test('the minutes, below /v1 and for an hour from an input', async () => {
    expect((await ask('/v1/avaliable-minutes/list', { day: place.day, hour: '10' })).minutes).toHaveLength(6)
    expect((await ask('/v1/available-minutes/list', { day: place.day, hour: 13 })).minutes).toHaveLength(6)
  })

  test('an hour that is closed has no minutes', async () => {
    expect((await ask('/avaliable-minutes/list', { day: place.day, hour: 12 })).minutes).toEqual([])
  })

  test('a day outside the days has no hours', async () => {
    expect(await ask('/v1/avaliable-hours/list', { day: dayAfter(60) })).toEqual([])
    expect(await ask('/v1/avaliable-hours/list', { day: dayAfter(-2) })).toEqual([])
  })

  test('a day that is none is told by its field', async () => {
    const { error_no, text } = await refusal('/v1/avaliable-hours/list', { day: '2021/10/01' })
    expect(error_no).toBe(1001)
    expect(text).toContain('day')
  })

  test('no day at all, by a post without a body', async () => {
    const { error_no, text } = await refusal('/v1/avaliable-hours/list')
    expect(error_no).toBe(1001)
    expect(text).toContain('day')
  })
})

describe('booking', () => {
  test('a time', async () => {
    const booked = await ask('/v1/make-appointment', { day: place.day, hour: 10, minute: 0, ...me })
    place.id = booked.appointment_id
    expect(place.id).toBeGreaterThan(0)
  })

  test('the time is taken, the hour is not', async () => {
    const { minutes } = await ask('/avaliable-minutes/list', { day: place.day, hour: 10 })
    expect(minutes.map(({ status }) => status)).toEqual([1, 0, 0, 0, 0, 0])
    const hours = await ask('/v1/avaliable-hours/list', { day: place.day })
    expect(hours.find(({ hour }) => hour === 10).status).toBe(0)
  })

  test.each([
    ['a full time', { ...other, hour: 10, minute: 0 }, 2001],
    ['my own time again', { ...me, hour: 10, minute: 0 }, 2006],
    ['a minute that is none', { ...other, hour: 10, minute: 5 }, 2005],
    ['an hour that is closed', { ...other, hour: 3, minute: 0 }, 2005],
    ['a day that is over', { ...other, hour: 10, minute: 0, day: '2021-10-01' }, 2003],
    ['a day too far ahead', { ...other, hour: 10, minute: 0, day: dayAfter(60) }, 2004],
    ['no name', { ...other, hour: 10, minute: 10, name: '' }, 1001],
    ['a number that is none', { ...other, hour: 10, minute: 10, phone_num: '1381111' }, 1001],
    ['an empty form, as printed', { hour: 10, minute: 0, open_id: '', name: '', phone_num: '' }, 1001],
  ])('%s is refused', async (_, body, error_no) => {
    expect((await refusal('/v1/make-appointment', { day: place.day, ...body })).error_no).toBe(error_no)
  })

  test('what was missing is named', async () => {
    const body = { day: place.day, hour: 10, minute: 20, ...other }
    expect((await refusal('/v1/make-appointment', { ...body, name: ' ' })).text).toContain('name')
    expect((await refusal('/v1/make-appointment', { ...body, phone_num: '' })).text).toContain('phone_num')
  })

  test('hour and minute from a picker, as text', async () => {
    const body = { day: place.day, hour: '10', minute: '50', ...other }
    expect((await ask('/v1/make-appointment', body)).appointment_id).toBeGreaterThan(place.id)
  })

  test('pressed twice, booked once', async () => {
    const body = { day: place.day, hour: 13, minute: 0, ...me }
    const twice = await Promise.allSettled([
      ask('/v1/make-appointment', body),
      ask('/v1/make-appointment', body),
    ])
    expect(twice.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('ten people want one time, one has it', async () => {
    const wish = (n) => ({
      day: place.day,
      hour: 14,
      minute: 0,
      name: '众人',
      phone_num: `1390000000${n}`,
      open_id: `crowd-${n}`,
    })
    const wishes = Array.from({ length: 10 }, (_, n) => ask('/v1/make-appointment', wish(n)))
    const outcomes = await Promise.allSettled(wishes)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused.every(({ reason }) => reason.error_no === 2001)).toBe(true)
  })

  test('an hour without a free minute is shown as taken', async () => {
    for (const minute of [0, 10, 20, 30, 40, 50]) {
      const body = { ...other, open_id: `hour-${minute}`, day: place.day, hour: 15, minute }
      await ask('/v1/make-appointment', body)
    }
    const hours = await ask('/v1/avaliable-hours/list', { day: place.day })
    expect(hours.find(({ hour }) => hour === 15).status).toBe(1)
  })

  test('a sixth upcoming appointment is one too many', async () => {
    const body = (minute) => ({ ...me, open_id: 'many', day: dayAfter(4), hour: 9, minute })
    for (const minute of [0, 10, 20, 30, 40]) await ask('/v1/make-appointment', body(minute))
    expect((await refusal('/v1/make-appointment', body(50))).error_no).toBe(2008)
  })
})

describe('my appointments', () => {
  test('are listed, the latest first', async () => {
    const mine = await ask('/v1/appointment/list', { open_id: me.open_id })
    expect(mine.map(({ datetime }) => datetime)).toEqual([`${place.day} 13:00:00`, `${place.day} 10:00:00`])
    expect(mine[1].appointment_id).toBe(place.id)
  })

  test('are nobody else’s', async () => {
    expect(await ask('/v1/appointment/list', { open_id: 'nobody' })).toEqual([])
  })

  test('cannot be listed without an open_id', async () => {
    expect((await refusal('/v1/appointment/list', { open_id: '' })).text).toContain('open_id')
    expect((await refusal('/v1/appointment/list')).text).toContain('open_id')
  })

  test('cannot be cancelled by somebody else', async () => {
    const body = { open_id: other.open_id, appintment_id: place.id }
    expect((await refusal('/v1/cancel-appointment', body)).error_no).toBe(3001)
  })

  test('are cancelled, by the misspelt field', async () => {
    await ask('/v1/cancel-appointment', { open_id: me.open_id, appintment_id: place.id })
    const mine = await ask('/v1/appointment/list', { open_id: me.open_id })
    expect(mine.map(({ appointment_id }) => appointment_id)).not.toContain(place.id)
  })

  test('are cancelled once', async () => {
    const body = { open_id: me.open_id, appintment_id: place.id }
    expect((await refusal('/v1/cancel-appointment', body)).error_no).toBe(3002)
  })

  test('leave their time to others', async () => {
    const { minutes } = await ask('/avaliable-minutes/list', { day: place.day, hour: 10 })
    expect(minutes[0].status).toBe(0)
    const booked = await ask('/v1/make-appointment', { day: place.day, hour: 10, minute: 0, ...other })
    place.id = booked.appointment_id
  })

  test('are cancelled by the field spelt right', async () => {
    const mine = await ask('/v1/appointment/list', { open_id: me.open_id })
    await ask('/v1/cancel-appointment', { open_id: me.open_id, appointment_id: mine[0].appointment_id })
    expect(await ask('/v1/appointment/list', { open_id: me.open_id })).toEqual([])
  })
})

describe('the desk', () => {
  const screens = []
  afterAll(() => screens.forEach(({ close }) => close()))

  test('two screens listen', async () => {
    screens.push(await screen(), await screen())
  })

  test('a sign-in, at the path as printed', async () => {
    await ask('/v1./sign-in', { appintment_id: place.id })
  })

  test('is told on every screen, exactly as printed', async () => {
    for (const { next } of screens) {
      expect(JSON.parse(await next())).toEqual({ appointment_id: place.id, event_type: '1' })
    }
  })

  test('a repeat succeeds, and the next sign-in is the next that is told', async () => {
    await ask('/v1./sign-in', { appintment_id: place.id })
    const mine = await ask('/v1/appointment/list', { open_id: other.open_id })
    const id = mine.find(({ appointment_id }) => appointment_id !== place.id).appointment_id
    await ask('/v1/sign-in', { appointment_id: id })
    for (const { next } of screens) expect(JSON.parse(await next()).appointment_id).toBe(id)
  })

  test('a screen that was away asks for what it missed', async () => {
    const late = await screen('?after=0')
    screens.push(late)
    expect(JSON.parse(await late.next())).toMatchObject({ appointment_id: place.id, event_type: '1' })
  })

  test('whoever signed in cannot cancel', async () => {
    const body = { open_id: other.open_id, appintment_id: place.id }
    expect((await refusal('/v1/cancel-appointment', body)).error_no).toBe(3003)
  })

  test('an unknown appointment cannot sign in', async () => {
    expect((await refusal('/v1./sign-in', { appintment_id: 987654321 })).error_no).toBe(3001)
    expect((await refusal('/v1./sign-in', {})).text).toContain('appintment_id')
  })

  test('a cancelled one cannot either', async () => {
    const wish = { day: place.day, hour: 9, minute: 0, ...me }
    const { appointment_id: id } = await ask('/v1/make-appointment', wish)
    await ask('/v1/cancel-appointment', { open_id: me.open_id, appintment_id: id })
    expect((await refusal('/v1./sign-in', { appintment_id: id })).error_no).toBe(3002)
  })
})

describe('the management pages', () => {
  test('a day’s appointments, the cancelled among them', async () => {
    const found = await ask('/admin/appointment/list', { date: place.day })
    expect(found.every(({ day }) => day === place.day)).toBe(true)
    expect(found.filter(({ status }) => status === 1)).toHaveLength(3)
    expect(found.find(({ open_id, hour }) => open_id === other.open_id && hour === 10)).toMatchObject({
      name: other.name,
      phone_num: other.phone_num,
      status: 0,
    })
  })

  test('all of them, by a post without a body', async () => {
    const all = await ask('/admin/appointment/list')
    expect(all.length).toBeGreaterThan((await ask('/admin/appointment/list', { date: place.day })).length)
  })

  test('all of them, with the date left empty', async () => {
    expect((await ask('/admin/appointment/list', { date: '' })).length).toBeGreaterThan(10)
  })

  test('who signed in', async () => {
    const signedIn = await ask('/admin/signin-appointment/list', { date: place.day })
    expect(signedIn).toHaveLength(2)
    expect(await ask('/admin/signin-appointment/list')).toHaveLength(2)
  })

  test('nobody on a day without appointments', async () => {
    expect(await ask('/admin/signin-appointment/list', { date: dayAfter(9) })).toEqual([])
  })

  test('a day that the operator closes is no longer offered', async () => {
    const closed = dayAfter(7)
    const schedule = await operator('GET', '/schedule')
    await operator('PUT', '/schedule', { ...schedule, closed_dates: [...schedule.closed_dates, closed] })
    expect((await ask('/v1/available-days/list')).days).not.toContain(closed)
    expect(await ask('/v1/avaliable-hours/list', { day: closed })).toEqual([])
    const wish = { day: closed, hour: 10, minute: 0, ...me }
    expect((await refusal('/v1/make-appointment', wish)).error_no).toBe(2002)
  })
})

describe('what goes wrong on the way', () => {
  const failed = async (request) => (await request.catch((error) => error)).response

  test('a GET is told that it should be a POST', async () => {
    const answer = await fetch(`${demo.url}/v1/available-days/list`)
    expect(answer.status).toBe(405)
    expect(await answer.json()).toMatchObject({ data: null, error_no: 405 })
  })

  test('a form is told what is wanted', async () => {
    const body = new URLSearchParams({ day: place.day })
    const answer = await failed(http.post('/v1/avaliable-hours/list', body))
    expect(answer.status).toBe(415)
    expect(answer.data.error_msg).toContain('application/json')
  })

  test('half a body is told', async () => {
    const headers = { 'Content-Type': 'application/json' }
    const answer = await http.post('/v1/avaliable-hours/list', '{"day":', {
      headers,
      transformRequest: (body) => body,
    })
    expect(answer.data.error_no).toBe(1001)
  })

  test('the request’s id is in the header too', async () => {
    const { data, headers } = await http.post('/v1/available-days/list', {})
    expect(headers['x-request-id']).toBe(data.request_id)
  })

  test('a slash too many does no harm', async () => {
    expect((await ask('//v1//available-days/list', {})).days.length).toBeGreaterThan(0)
  })

  test('a repeat with its key books once', async () => {
    const body = { day: dayAfter(5), hour: 9, minute: 0, ...me }
    const once = { headers: { 'Idempotency-Key': 'one-press' } }
    const first = await http.post('/v1/make-appointment', body, once)
    const second = await http.post('/v1/make-appointment', body, once)
    expect(second.data).toEqual(first.data)
  })

  test('every table of the document was met', () => {
    expect(witness.unseen()).toEqual([])
  })
})
