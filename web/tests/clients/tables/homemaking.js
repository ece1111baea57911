/** The replies of the homemaking document (003), table by table. */
import {
  among,
  bool,
  datetime,
  day,
  exactly,
  integer,
  list,
  money,
  object,
  orNull,
  picture,
  record,
  sentence,
  text,
} from '../support/shape'

/** 错误码 of the appendix. */
const CODES = [9999, ...Array.from({ length: 29 }, (_, n) => 10000 + n)]
/** HTTP 状态码 of 请求失败. */
const REFUSED = [400, 401, 403, 404]

const ok = (data) => record({ error_code: exactly(0), data, message: exactly('ok') })

/** 请求失败: the three fields, a known code under its status, and a message to show. */
function refused({ statusCode, data }, where) {
  const request = record({ error_code: among(...CODES), message: sentence, request: text })
  const faults = request(data, where)
  if (!REFUSED.includes(statusCode)) faults.push(`${where}: HTTP ${statusCode} is no status of the document`)
  const isTokens = data?.error_code === 10001 || data?.error_code === 10002
  if ((statusCode === 401) !== isTokens) faults.push(`${where}: ${data?.error_code} with HTTP ${statusCode}`)
  const [method, path] = where.split(' ')
  const wanted = `${method}  ${path.replace('/homemaking', '')}`
  if (data?.request !== wanted) faults.push(`${where}: request is ${JSON.stringify(data?.request)}`)
  return faults
}

/** A success has `status` and the table's fields; anything else has to be a documented refusal. */
const reply = (data, status = 200) => {
  const succeeded = ok(data)
  return (answer, where) => {
    if (answer.statusCode >= 400) return refused(answer, where)
    const faults = succeeded(answer.data, where)
    if (answer.statusCode !== status) faults.push(`${where}: HTTP ${answer.statusCode}, documented ${status}`)
    return faults
  }
}

/** 分页内容 */
const paged = (item) =>
  record({
    total: integer,
    per_page: integer,
    current_page: integer,
    last_page: (value, where) => (value >= 1 ? integer(value, where) : [`${where}: ${value} is no page`]),
    data: list(item),
  })

const person = record({
  id: integer,
  nickname: text,
  avatar: picture,
  real_name: orNull(text),
  gender: among(0, 1, 2),
  tel: orNull(text),
})

const category = record({ id: integer, name: text })
const image = record({ id: integer, path: picture })

const listed = {
  id: integer,
  type: among(1, 2),
  designated_place: among(0, 1),
  title: text,
  description: text,
  price: money,
  score: text,
  sales_volume: integer,
  create_time: datetime,
  publisher: person,
  category,
  cover_image: image,
}
const service = record({ ...listed, begin_date: day, end_date: day, status: among(0, 1, 2, 3, 4, 5) })

const order = {
  id: integer,
  order_no: integer,
  price: money,
  service_snap: service,
  address_snap: orNull(object),
  status: among(0, 1, 2, 3, 4, 5, 6),
  create_time: datetime,
  publisher: person,
  consumer: person,
}

const asked = { id: integer, order_no: text, reason: text, illustration: list(picture) }
const refund = {
  ...asked,
  status: among(0, 1, 2, 3, 4, 5),
  create_time: datetime,
  service_order: record(order),
}
/** The example of `v1/refund/{id}` prints three fields more than its table. */
const refundAlone = record({ ...refund, images: list(picture), publisher: person, consumer: person })

const given = { id: integer, score: text, content: text, illustration: list(picture), create_time: datetime }
const rating = record({ ...given, status: among(0, 1, 2), author: person })

const done = reply(record({ result: exactly(true) }))
const created = (data) => reply(record(data), 201)
const counts = (...names) => reply(record(Object.fromEntries(names.map((name) => [name, integer]))))

const V1 = '/homemaking/v1'

export const HOMEMAKING = [
  ['POST', `${V1}/token`, reply(record({ token: text }))],
  ['POST', `${V1}/token/verify`, reply(record({ valid: bool }))],
  ['GET', `${V1}/category`, reply(list(category))],
  ['GET', `${V1}/service/list`, reply(paged(record(listed)))],
  ['POST', `${V1}/service`, created({ service_id: integer })],
  ['GET', `${V1}/service/my`, reply(paged(service))],
  ['GET', `${V1}/service/count`, counts('pending', 'unpublished', 'published', 'off_shelves')],
  ['GET', `${V1}/service/:id`, reply(service)],
  ['POST', `${V1}/service/:id`, done],
  ['PUT', `${V1}/service/:id`, reply(service)],
  ['GET', `${V1}/order/count`, counts('unapproved', 'unpaid', 'unconfirmed', 'unrated')],
  ['GET', `${V1}/order/my`, reply(paged(record(order)))],
  ['POST', `${V1}/order`, created({ order_id: integer })],
  ['POST', `${V1}/order/:id`, done],
  ['GET', `${V1}/order/:id`, reply(record(order))],
  ['POST', `${V1}/refund`, created(asked)],
  ['GET', `${V1}/refund`, reply(paged(record(refund)))],
  ['GET', `${V1}/refund/process`, reply(paged(record(refund)))],
  ['POST', `${V1}/refund/:id`, done],
  ['GET', `${V1}/refund/:id`, reply(refundAlone)],
  ['POST', `${V1}/rating`, created(given)],
  ['GET', `${V1}/rating/order`, reply(rating)],
  ['GET', `${V1}/rating/service`, reply(paged(rating))],
  ['GET', `${V1}/user`, reply(person)],
  ['PUT', `${V1}/user`, reply(person)],
  ['GET', `${V1}/user/sign`, reply(record({ user_id: integer, sign: text }))],
  ['POST', `${V1}/file`, reply(list(record({ id: integer, key: text, path: picture })), 201)],
]
