import { afterEach, expect, test, vi } from 'vitest'

import { ApiError } from './error'
import { homemaking } from './homemaking'
import { createApi } from './http'
import { members } from './members'
import { slots } from './slots'
import { staff } from './staff'
import { visitors, visitorsPage } from './visitors'

afterEach(() => void vi.unstubAllGlobals())

/** Answers every call so, and keeps the requests. */
function answering(status: number, body: unknown, headers: Record<string, string> = {}): Request[] {
  const requests: Request[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    requests.push(request)
    if (body instanceof Error) throw body
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return new Response(status === 204 ? null : text, {
      status,
      headers: { 'Content-Type': 'application/json', ...headers },
    })
  })
  return requests
}

async function failure(call: Promise<unknown>): Promise<Partial<ApiError>> {
  const error: unknown = await call.catch((reason: unknown) => reason)
  if (!(error instanceof ApiError)) throw new Error(`no ApiError: ${error}`)
  const { status, code, field, message } = error
  return { status, code, field, message }
}

const api = createApi()
const listDays = () => slots(api.POST('/v1/available-days/list'))

test('slots: data, or error_no with its field', async () => {
  const requests = answering(200, {
    data: { days: ['2021-10-01'] },
    error_msg: 'success',
    error_no: 0,
    request_id: 'x',
  })
  expect(await listDays()).toEqual({ days: ['2021-10-01'] })
  expect(requests[0]?.headers.get('Accept-Language')).toBe('zh-CN')
  answering(200, { data: null, error_msg: 'phone_num: 应为 11 位手机号', error_no: 1001, request_id: 'x' })
  const wrong = { status: 200, code: 1001, field: 'phone_num', message: '应为 11 位手机号' }
  expect(await failure(listDays())).toEqual(wrong)
  const labelled = '手机号 phone_num: 应为 11 位手机号'
  answering(200, { data: null, error_msg: labelled, error_no: 1001, request_id: 'x' })
  expect(await failure(listDays())).toEqual(wrong)
})

test('visitors: data and page, or code', async () => {
  const page = { count: 1, current: 1, size: 20, total: 1 }
  answering(200, { code: 0, err_msg: '', data: [{ id: 7 }], page })
  const records = visitorsPage(api.GET('/v1/visit/records', { params: { query: { type: 'web' } } }))
  expect(await records).toEqual({ items: [{ id: 7 }], page })
  answering(200, { code: -209, err_msg: '通行权限已过期' })
  const checked = visitors(api.POST('/v1/visit/qrcode', { body: { qrcode: 'x' } as never }))
  expect(await failure(checked)).toEqual({
    status: 200,
    code: -209,
    field: undefined,
    message: '通行权限已过期',
  })
})

test('members: the body, or code', async () => {
  answering(200, { expires_in: 300 })
  const ask = () => members(api.POST('/v1/login/sms_code', { body: { mobile: '13811111111' } }))
  expect(await ask()).toEqual({ expires_in: 300 })
  answering(400, { code: 1005, message: '错误验证码', error: 'SMS.Incorrect' })
  expect(await failure(ask())).toEqual({ status: 400, code: 1005, field: undefined, message: '错误验证码' })
})

test('homemaking: data, or error_code', async () => {
  const reply = (data: object, ok = true) =>
    Promise.resolve({
      [ok ? 'data' : 'error']: data,
      response: new Response(null, { status: ok ? 200 : 400 }),
    })
  expect(await homemaking(reply({ error_code: 0, data: { valid: true }, message: '' }))).toEqual({
    valid: true,
  })
  const refused = homemaking(
    reply({ error_code: 10000, message: 'price: 应大于 0', request: 'POST  /v1/service' }, false),
  )
  expect(await failure(refused)).toEqual({ status: 400, code: 10000, field: 'price', message: '应大于 0' })
})

test('staff: the body, or a problem document', async () => {
  answering(200, { username: 'admin', role: 'admin' })
  const who = () => staff(api.GET('/admin/v1/session'))
  expect(await who()).toEqual({ username: 'admin', role: 'admin' })
  answering(204, '')
  expect(await staff(api.DELETE('/admin/v1/session'))).toBeUndefined()
  answering(400, {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'name: 不能为空',
    field: 'name',
  })
  expect(await failure(who())).toEqual({ status: 400, code: 400, field: 'name', message: '不能为空' })
  answering(429, { detail: 'too many' }, { 'Retry-After': '600' })
  expect((await failure(who())).message).toBe('尝试次数过多，请 10 分钟后再试')
})

test('no answer, and an answer that nobody of ours wrote', async () => {
  answering(0, new TypeError('Failed to fetch'))
  expect(await failure(listDays())).toMatchObject({ status: 0, code: 'offline' })
  answering(502, '<html>Bad Gateway</html>', { 'Content-Type': 'text/html' })
  const broken = { status: 502, code: 502, field: undefined, message: '服务暂时不可用，请稍后再试' }
  expect(await failure(listDays())).toEqual(broken)
  answering(502, '<html>Bad Gateway</html>', { 'Content-Type': 'text/html' })
  expect(await failure(staff(api.GET('/admin/v1/session')))).toEqual(broken)
})

test('a 401 is told to whoever made the client', async () => {
  const told = vi.fn()
  const console = createApi({ onUnauthorised: told })
  answering(401, { detail: '请先登录' })
  await failure(staff(console.GET('/admin/v1/stats')))
  expect(told).toHaveBeenCalledOnce()
})
