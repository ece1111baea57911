/** The replies of the visitors documents (001, 002), table by table. */
import {
  among,
  anything,
  either,
  exactly,
  integer,
  list,
  picture,
  record,
  sentence,
  text,
} from '../support/shape'

const envelope = { code: exactly(0), err_msg: exactly('') }
const refused = record({ code: integer, err_msg: sentence })

const answer = (success) => (value, where) =>
  value?.code === 0 ? success(value, where) : refused(value, where)
const reply = (data) => answer(record({ ...envelope, data }))
const done = answer(record(envelope))

/** 未绑定时返回 `{}`. */
const nobody = (value, where) =>
  value !== null && typeof value === 'object' && Object.keys(value).length === 0
    ? []
    : [`${where}: {} expected`]

const employee = record({ avatar: picture, name: text, department: text, subject_id: integer, phone: text })
const visitor = record({ nick: text, avatar: text, phone: text })
const anybody = record({
  type: among('visitor', 'employee'),
  name: text,
  department: text,
  subject_id: integer,
  avatar: text,
  phone: text,
})

const companion = { subject_id: integer, name: text, phone: text }
const visit = {
  id: integer,
  subject_id: integer,
  name: text,
  phone: text,
  purpose: among(0, 1, 2, 3, 4),
  remark: text,
  come_from: text,
  proposer: text,
  interviewee: text,
  interviewee_phone: text,
  start_time: integer,
  end_time: integer,
  // The table says int, for a field that this project leaves empty; kept as it was sent.
  group_ids: anything,
  photo: text,
}
const withCompanions = (fields, of) => record({ ...fields, retinues: list(record(of)) })

/** "" before sign-in. */
const code = either(exactly(''), (value, where) => {
  try {
    return record({ id: integer, qrcode: text })(JSON.parse(value), where)
  } catch {
    return [`${where}: JSON expected, found ${value}`]
  }
})
const passes = { qrcode: code, qrcode_img_url: either(exactly(''), picture) }

const paged = (item) =>
  answer(
    record({
      ...envelope,
      data: list(item),
      page: record({ count: integer, current: integer, size: integer, total: integer }),
    }),
  )

const photo = { photo: text }
const authorised = { is_auth: among(0, 1) }

const servers = reply(record({ koala_ip: text, koala_username: text, koala_password: text, cloud_url: text }))
const TEMPLATES = [
  'approval_reminder_to_employee_wechat_id',
  'approval_reminder_to_employee_sms_id',
  'visitor_signin_to_employee_wechat_id',
  'visitor_signin_to_employee_sms_id',
  'approval_pass_to_visitor_wechat_id',
  'approval_pass_to_visitor_sms_id',
  'signin_to_visitor_wechat_id',
  'signin_to_visitor_sms_id',
]
const templates = reply(record(Object.fromEntries(TEMPLATES.map((name) => [name, text]))))

export const VISITORS = [
  ['GET', '/v1/subject/binding', reply(either(employee, nobody))],
  ['POST', '/v1/subject/binding', reply(employee)],
  ['GET', '/v1/visitor/binding', reply(either(visitor, nobody))],
  ['POST', '/v1/visitor/binding', reply(visitor)],
  ['GET', '/v1/wechat/is_binding', reply(anybody)],
  ['DELETE', '/v1/subject/binding/:id', done],
  ['GET', '/v1/subject/purpose', reply(list(record({ label: text, value: integer })))],
  ['POST', '/v1/subject', reply(withCompanions(visit, { ...companion, ...photo }))],
  [
    'GET',
    '/v1/visit/records',
    paged(
      withCompanions(
        { ...visit, ...authorised, signin_time: integer, ...passes },
        { ...companion, ...photo, ...passes },
      ),
    ),
  ],
  ['GET', '/v1/auth/records', paged(withCompanions({ ...visit, ...authorised }, { ...companion, ...photo }))],
  ['PUT', '/v1/auth/:id', done],
  ['DELETE', '/v1/visit/records/:id', done],
  [
    'POST',
    '/v1/visit/signin',
    reply(
      withCompanions(
        { id: integer, subject_id: integer, name: text, phone: text, ...passes },
        { ...companion, ...passes },
      ),
    ),
  ],
  ['POST', '/v1/visit/qrcode', done],
  ['GET', '/v1/config/servers', servers],
  ['PUT', '/v1/config/servers', servers],
  ['GET', '/v1/config/templates', templates],
  ['PUT', '/v1/config/templates', templates],
]
