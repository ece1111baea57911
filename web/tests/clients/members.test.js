/**
 * A front end for the members document (004): logging in by code, password and WeChat, and the account, by axios as it
 * comes, which throws what is refused.
 */
import { describe, expect, test } from 'vitest'

import { createAxios } from './support/axios'
import { createOperator, messageTo, useDemo } from './support/server'
import { createWitness } from './support/witness'
import { MEMBERS } from './tables/members'

const demo = useDemo()
const witness = createWitness(MEMBERS)
const operator = createOperator(demo)
const storage = { token: '' }
const http = createAxios(demo, witness, () => (storage.token ? { Authorization: storage.token } : {}))

const BASE = '/v1'
/** 爱美兔微信端 */
const CLIENT = 44
const mobile = '13333333333'
const openid = 'oGZUI0egBJY1zhBYw2KhdUfwVJJE'
const at = {}

const get = async (path) => (await http.get(BASE + path)).data
const post = async (path, body) => (await http.post(BASE + path, body)).data
const put = async (path, body) => (await http.put(BASE + path, body)).data

/** The refusal's body; axios throws it. */
async function refused(asking, code, status = 400) {
  const error = await asking.catch((refusal) => refusal)
  expect(error.response, 'it is refused').toBeDefined()
  expect([error.response.data.code, error.response.status]).toEqual([code, status])
  return error.response.data
}

const askForCode = (to, more = {}) => post('/login/sms_code', { is_voice: 0, is_try: 0, mobile: to, ...more })
const codeSentTo = async (to) => (await messageTo(demo, to)).params.code
const logIn = (fields) => post('/login/token', { client_id: CLIENT, ...fields })
const byCode = (to, sms_code, more = {}) => logIn({ grant_type: 'sms_code', mobile: to, sms_code, ...more })
const byPassword = (password, to = mobile) => logIn({ grant_type: 'password', mobile: to, password })

describe('asking for a code', () => {
  test.each(['', '1333333333', '23333333333', 'abc'])('%j is no mobile', async (wrong) => {
    await refused(askForCode(wrong), 1013)
  })

  test('no body at all is no mobile either', async () => {
    await refused(post('/login/sms_code'), 1013)
  })

  test('a code before one was asked for is invalid', async () => {
    await refused(byCode(mobile, '123456'), 1004)
  })

  test('it is sent to the mobile', async () => {
    const { expires_in } = await askForCode(mobile)
    expect(expires_in).toBe(300)
    at.code = await codeSentTo(mobile)
    expect(at.code).toMatch(/^\d{6}$/)
  })

  test('another within a minute is too often', async () => {
    await refused(askForCode(mobile), 1006)
  })

  test('the same is sent again when it did not come', async () => {
    await askForCode(mobile, { is_try: 1 })
    expect(await codeSentTo(mobile)).toBe(at.code)
  })

  test('it is read out by a call, the flags as true and false', async () => {
    await askForCode('13333333334', { is_voice: true, is_try: false })
    expect((await messageTo(demo, '13333333334')).channel).toBe('voice')
  })

  test('the flags as text, and none at all', async () => {
    await post('/login/sms_code', { is_voice: '0', is_try: '0', mobile: '13333333335' })
    await post('/login/sms_code', { mobile: '13333333336' })
  })
})

describe('logging in by code', () => {
  test('a wrong code is told', async () => {
    const wrong = at.code === '000000' ? '111111' : '000000'
    expect((await refused(byCode(mobile, wrong), 1005)).message).toBe('错误验证码')
  })

  test('the right one registers, with what WeChat knows', async () => {
    const wechat = { nickname: '小美', openid, avatar_url: 'https://thirdwx.qlogo.cn/a/132', gender: 2 }
    const { access_token, expires_in } = await byCode(mobile, at.code, wechat)
    expect(expires_in).toBeGreaterThan(3600)
    storage.token = access_token
  })

  test('the code is used up', async () => {
    await refused(byCode(mobile, at.code), 1003)
  })

  test('five wrong tries lock a code', async () => {
    const other = '13333333335'
    const code = await codeSentTo(other)
    const wrong = code === '000000' ? '111111' : '000000'
    for (let tries = 1; tries <= 4; tries += 1) await refused(byCode(other, wrong), 1005)
    await refused(byCode(other, wrong), 1001)
    await refused(byCode(other, code), 1001)
  })

  test.each([
    ['client_id', { client_id: 99 }],
    ['grant_type', { grant_type: 'magic' }],
    ['sms_code', { sms_code: '' }],
  ])('a wrong %s is told', async (field, changes) => {
    const fields = { grant_type: 'sms_code', mobile: '13333333336', sms_code: '123456', ...changes }
    expect((await refused(logIn(fields), 1000)).message).toContain(field)
  })
})

describe('the account', () => {
  test('of a new member', async () => {
    at.me = await get('/accounts/me')
    expect(at.me).toMatchObject({
      mobile,
      nickname: '小美',
      gender: 2,
      openid,
      password_is_ok: 0,
      is_testing: 0,
      avatar: { src: 'https://thirdwx.qlogo.cn/a/132', url: 'https://thirdwx.qlogo.cn/a/132' },
      location: { province: { id: 0, name: '' }, city: { id: 0, name: '' } },
    })
    expect(at.me.point).toBeGreaterThan(0)
  })

  test('with Bearer before the token', async () => {
    const headers = { Authorization: `Bearer ${storage.token}` }
    const answer = await fetch(`${demo.url}/v1/accounts/me`, { headers })
    expect((await answer.json()).id).toBe(at.me.id)
  })

  test('is changed whole', async () => {
    const change = {
      nickname: '美美',
      avatar: 'faces/1.jpg',
      gender: 1,
      province_id: 440000,
      city_id: 440100,
    }
    expect(await put('/accounts/me', change)).toEqual(change)
    const { avatar, location } = await get('/accounts/me')
    expect(avatar.src).toBe('faces/1.jpg')
    expect(avatar.url).toMatch(/faces\/1\.jpg$/)
    expect(location).toEqual({
      province: { id: 440000, name: '广东省' },
      city: { id: 440100, name: '广州市' },
    })
  })

  test('is changed in part, and keeps the rest', async () => {
    expect(await put('/accounts/me', { gender: 2 })).toMatchObject({
      nickname: '美美',
      gender: 2,
      city_id: 440100,
    })
    expect(await put('/accounts/me', {})).toMatchObject({ nickname: '美美', gender: 2 })
  })

  test('moves to another province, and loses the city', async () => {
    expect(await put('/accounts/me', { province_id: '110000' })).toMatchObject({
      province_id: 110000,
      city_id: 0,
    })
  })

  test.each([
    ['gender', { gender: 7 }],
    ['province_id', { province_id: 999999 }],
    ['city_id', { province_id: 110000, city_id: 440100 }],
    ['nickname', { nickname: 5 }],
  ])('is not changed by a wrong %s', async (field, change) => {
    expect((await refused(put('/accounts/me', change), 1000)).message).toContain(field)
  })
})

describe('the password', () => {
  test('is missing, and nobody logs in by it', async () => {
    await refused(byPassword('whatever'), 1011)
    await refused(byPassword('whatever', '13333333399'), 1010)
  })

  test('is set without proof while it is missing', async () => {
    await refused(put('/accounts/me/password', { proof_state: 'password_is_ok', value: 'kurz' }), 1012)
    await put('/accounts/me/password', { proof_state: 'password_is_ok', value: 'correct horse 42' })
    expect((await get('/accounts/me')).password_is_ok).toBe(1)
  })

  test('needs its proof from then on', async () => {
    await refused(
      put('/accounts/me/password', { proof_state: 'password_is_ok', value: 'another horse 42' }),
      1012,
    )
    const change = { proof_state: 'password', password: 'not it', value: 'another horse 42' }
    await refused(put('/accounts/me/password', change), 1011)
    await put('/accounts/me/password', { ...change, password: 'correct horse 42' })
  })

  test('logs in, and the old one does not', async () => {
    await refused(byPassword('correct horse 42'), 1011)
    at.second = (await byPassword('another horse 42')).access_token
    expect(at.second).not.toBe(storage.token)
  })

  test('ends the other devices when it changes', async () => {
    const change = { proof_state: 'password', password: 'another horse 42', value: 'third horse 42' }
    await put('/accounts/me/password', change)
    const mine = storage.token
    storage.token = at.second
    await refused(get('/accounts/me'), 1020, 401)
    storage.token = mine
  })

  test('a weak one is taken, and asked to be changed', async () => {
    const weak = '13333333337'
    await askForCode(weak)
    const { access_token } = await byCode(weak, await codeSentTo(weak), { password: '123456' })
    const mine = storage.token
    storage.token = access_token
    expect(await get('/accounts/me')).toMatchObject({ password_is_ok: 0, nickname: '', openid: '' })
    storage.token = mine
  })
})

describe('WeChat', () => {
  test('logs in whom it is bound to', async () => {
    const { access_token } = await logIn({ grant_type: 'openid', openid })
    storage.token = access_token
    expect((await get('/accounts/me')).id).toBe(at.me.id)
  })

  test('knows nobody else', async () => {
    await refused(logIn({ grant_type: 'openid', openid: 'nobody' }), 1010)
  })

  test('is bound to one account only', async () => {
    const other = '13333333338'
    await askForCode(other)
    await refused(byCode(other, await codeSentTo(other), { openid }), 1015)
  })
})

describe('shops and points', () => {
  test('there are points for registering, and no shop yet', async () => {
    const points = await get('/accounts/me/points')
    expect(points).toHaveLength(1)
    expect(points[0]).toMatchObject({ event_type: 'REGISTER', user_id: at.me.id, point: at.me.point })
    expect(await get('/accounts/me/shops')).toEqual([])
  })

  test('a test in a shop shows the shop', async () => {
    const { items } = await operator('GET', '/shops')
    await operator('POST', `/members/${at.me.id}/tests`, { shop_id: items[0].id })
    expect((await get('/accounts/me/shops')).map(({ id }) => id)).toEqual([items[0].id])
    expect((await get('/accounts/me')).is_testing).toBe(1)
  })

  test('points come and go, the newest first', async () => {
    const give = (point, reason) =>
      operator('POST', `/members/${at.me.id}/points`, { event_type: 'COMMENT', point, reason })
    await give(7, '评论')
    await give(-2, '兑换')
    const points = await get('/accounts/me/points')
    expect(points.map(({ point }) => point)).toEqual([-2, 7, at.me.point])
    expect((await get('/accounts/me')).point).toBe(at.me.point + 5)
  })
})

describe('logging out', () => {
  test('ends this token', async () => {
    await http.delete(`${BASE}/login/token`)
    await refused(get('/accounts/me'), 1020, 401)
    await refused(http.delete(`${BASE}/login/token`), 1020, 401)
  })

  test('leaves a guest with nothing', async () => {
    storage.token = ''
    for (const path of ['/accounts/me', '/accounts/me/shops', '/accounts/me/points']) {
      await refused(get(path), 1020, 401)
    }
    await refused(put('/accounts/me', { gender: 1 }), 1020, 401)
    await refused(put('/accounts/me/password', { proof_state: 'password_is_ok', value: 'x' }), 1020, 401)
  })

  test('the password lets one in again', async () => {
    storage.token = (await byPassword('third horse 42')).access_token
    expect((await get('/accounts/me')).nickname).toBe('美美')
  })

  test('every table of the document was met', () => {
    expect(witness.unseen()).toEqual([])
  })
})
