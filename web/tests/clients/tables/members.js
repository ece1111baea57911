/** The replies of the members document (004), as it prints them: the bare data, or code, message and error. */
import { among, anything, integer, list, record, sentence, text } from '../support/shape'

/** The codes of 错误业务代码, under the names that the document gives them, and ours. */
const NAMES = {
  1001: 'SMS.ErrorCountLimited',
  1002: 'SMS.Timeout',
  1003: 'SMS.Checked',
  1004: 'SMS.Invalid',
  1005: 'SMS.Incorrect',
  1006: 'SMS.TooOften',
  1010: 'Account.NotFound',
  1013: 'Mobile.Incorrect',
  1014: 'Account.MobileExist',
}

const refusal = record({ code: integer, message: sentence, error: text })

function refused(value, where) {
  const faults = refusal(value, where)
  const name = NAMES[value?.code]
  if (name !== undefined && value.error !== name) faults.push(`${where}: ${value.error}, documented ${name}`)
  return faults
}

const reply = (shape) => (value, where) =>
  value !== null && typeof value === 'object' && 'code' in value ? refused(value, where) : shape(value, where)

const place = record({ id: integer, name: text })

const account = record({
  id: integer,
  mobile: text,
  password_is_ok: among(0, 1),
  nickname: text,
  avatar: record({ src: text, url: text }),
  gender: among(0, 1, 2),
  point: integer,
  is_testing: among(0, 1),
  openid: text,
  location: record({ province: place, city: place }),
})

const changed = record({
  nickname: text,
  avatar: text,
  gender: among(0, 1, 2),
  province_id: integer,
  city_id: integer,
})

const shop = record({
  brand: record({ founder_name: text, id: integer, name: text }),
  id: integer,
  name: text,
  street: text,
  contact_tel: text,
  is_exp: among(0, 1),
})

const points = record({
  create_time: integer,
  event_id: integer,
  event_type: among('TRIAL', 'REGISTER', 'COMMENT'),
  id: integer,
  point: integer,
  reason: text,
  user_id: integer,
})

export const MEMBERS = [
  ['POST', '/v1/login/sms_code', reply(anything)],
  ['POST', '/v1/login/token', reply(record({ access_token: text, expires_in: integer }))],
  ['DELETE', '/v1/login/token', reply(anything)],
  ['GET', '/v1/accounts/me', reply(account)],
  ['PUT', '/v1/accounts/me', reply(changed)],
  ['PUT', '/v1/accounts/me/password', reply(anything)],
  ['GET', '/v1/accounts/me/shops', reply(list(shop))],
  ['GET', '/v1/accounts/me/points', reply(list(points))],
]
