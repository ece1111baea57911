import { refusal, unexpected } from './error'
import { type Answer, isObject } from './http'

interface Envelope {
  data?: unknown
  error_msg: string
  error_no: number
}

/** The data of the success, of all bodies that a call may answer. */
type Data<Body extends Envelope> = Extract<Body, { error_no: 0; data: unknown }>['data']

/** The `data` of a slots call; any `error_no` but 0 becomes an `ApiError` with that code. */
export async function slots<Body extends Envelope>(call: Promise<Answer<Body>>): Promise<Data<Body>> {
  const { data, error, response } = await call
  const body: unknown = data ?? error
  if (!isObject(body) || typeof body['error_no'] !== 'number') throw unexpected(response)
  if (body['error_no'] !== 0) throw refusal(response, body['error_no'], String(body['error_msg'] ?? ''))
  return body['data'] as Data<Body>
}
