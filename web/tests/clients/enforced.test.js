/** What a server that is no demo answers to a front end that was only tried with one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { startEnforced } from '../browser/support/enforced'

let server
beforeAll(async () => {
  server = await startEnforced('kiosk')
})
afterAll(() => server?.stop())

async function ask(path, { method = 'POST', headers = {}, body = {} } = {}) {
  const answer = await fetch(server.url + path, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(method !== 'GET' && { body: JSON.stringify(body) }),
  })
  return [answer.status, await answer.json()]
}

describe('without a credential', () => {
  test.each([
    ['/v1/appointment/list', { open_id: 'o-1' }],
    ['/v1./sign-in', { appintment_id: 1 }],
    ['/admin/appointment/list', {}],
  ])('slots: %s', async (path, body) => {
    const [status, reply] = await ask(path, { body })
    expect(status).toBe(401)
    expect(reply).toMatchObject({
      data: null,
      error_no: 401,
      error_msg: expect.stringMatching(/\p{Script=Han}/u),
    })
  })

  test.each([
    ['POST', '/v1/visit/signin', { phone: '13900000001' }],
    ['GET', '/v1/visit/records?type=web'],
    ['GET', '/v1/config/servers'],
    ['GET', '/v1/subject/binding?weixinUserId=wx-1'],
  ])('visitors: %s %s', async (method, path, body) => {
    const [status, reply] = await ask(path, { method, body })
    expect(status).toBe(401)
    expect(reply).toMatchObject({ code: 401, err_msg: expect.stringMatching(/\p{Script=Han}/u) })
  })

  test('homemaking is as in the demo', async () => {
    const [status, reply] = await ask('/homemaking/v1/user', { method: 'GET' })
    expect(status).toBe(401)
    expect(reply).toMatchObject({ error_code: 10001, request: 'GET  /v1/user' })
    expect((await ask('/homemaking/v1/service/list?page=1&count=10', { method: 'GET' }))[0]).toBe(200)
  })

  test('members are as in the demo', async () => {
    const [status, reply] = await ask('/v1/accounts/me', { method: 'GET' })
    expect([status, reply.code, reply.error]).toEqual([401, 1020, 'Token.Invalid'])
  })
})

describe('with a device’s key', () => {
  const headers = () => ({ 'X-Device-Key': server.deviceKey })

  test('the desk signs in appointments and visits', async () => {
    const appointment = await ask('/v1./sign-in', { headers: headers(), body: { appintment_id: 1 } })
    expect([appointment[0], appointment[1].error_no]).toEqual([200, 3001])
    const visit = await ask('/v1/visit/signin', { headers: headers(), body: { phone: '13900000001' } })
    expect([visit[0], visit[1].code]).toEqual([200, -206])
  })

  test('the desk sees no lists', async () => {
    expect((await ask('/admin/appointment/list', { headers: headers() }))[0]).toBe(403)
  })

  test('a key that is none is 401', async () => {
    const body = { appintment_id: 1 }
    expect((await ask('/v1./sign-in', { headers: { 'X-Device-Key': 'none' }, body }))[0]).toBe(401)
  })
})
