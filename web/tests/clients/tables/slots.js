/** The replies of the slots document (000), as it prints them. */
import {
  among,
  anything,
  datetime,
  day,
  either,
  exactly,
  integer,
  list,
  record,
  sentence,
  text,
  uuid,
} from '../support/shape'

const failure = record({ data: anything, error_msg: sentence, error_no: integer, request_id: uuid })

/** The envelope of every section, and what it says when something is refused. */
const reply = (data) =>
  either(
    record({ data, error_msg: exactly('success'), error_no: exactly(0), request_id: uuid }),
    (value, where) =>
      value?.error_no === 0 ? [`${where}: refused without an error_no`] : failure(value, where),
  )

const status = among(0, 1)
const appointment = record({
  day,
  hour: integer,
  minute: integer,
  open_id: text,
  name: text,
  phone_num: text,
  status,
})

const days = reply(record({ days: list(day) }))
const hours = reply(list(record({ hour: integer, status })))
const minutes = reply(record({ minutes: list(record({ minute: integer, status })) }))

export const SLOTS = [
  ['POST', '/v1/available-days/list', days],
  ['POST', '/v1/avaliable-hours/list', hours],
  ['POST', '/v1/available-hours/list', hours],
  ['POST', '/avaliable-minutes/list', minutes],
  ['POST', '/v1/avaliable-minutes/list', minutes],
  ['POST', '/v1/available-minutes/list', minutes],
  ['POST', '/v1/make-appointment', reply(record({ appointment_id: integer }))],
  ['POST', '/v1/appointment/list', reply(list(record({ datetime, appointment_id: integer })))],
  ['POST', '/v1/cancel-appointment', reply(anything)],
  ['POST', '/v1./sign-in', reply(anything)],
  ['POST', '/v1/sign-in', reply(anything)],
  ['POST', '/admin/appointment/list', reply(list(appointment))],
  ['POST', '/admin/signin-appointment/list', reply(list(appointment))],
]
