import { refusal, unexpected } from './error'
import { type Answer, isObject } from './http'

/** The body of a members call; `code, message, error` becomes an `ApiError` with that code. */
export async function members<Body>(call: Promise<Answer<Body>>): Promise<Body> {
  const { data, error, response } = await call
  if (response.ok) return data as Body
  if (!isObject(error) || typeof error['message'] !== 'string') throw unexpected(response)
  throw refusal(response, Number(error['code']), error['message'])
}
