import { refusal, unexpected } from './error'
import { type Answer, isObject } from './http'

/** The `data` of a homemaking call; any `error_code` but 0 becomes an `ApiError` with that code. */
export async function homemaking<Data>(call: Promise<Answer<{ data?: Data }>>): Promise<Data> {
  const { data, error, response } = await call
  const body: unknown = data ?? error
  if (!isObject(body)) throw unexpected(response)
  const code = Number(body['error_code'] ?? 0)
  if (code !== 0) throw refusal(response, code, String(body['message'] ?? ''))
  if (!response.ok) throw unexpected(response)
  return body['data'] as Data
}
