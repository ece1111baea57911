import { refusal, unexpected } from './error'
import { type Answer, isObject } from './http'
import type { components } from './schema'

interface Envelope {
  code: number
  err_msg: string
}

export type PageInfo = components['schemas']['PageInfo']

/** Of the bodies that a call may answer, the success. */
type Success<Body extends Envelope> = Extract<Body, { code: 0 }>

/** The data of a success; there are none where there is nothing to tell. */
type Data<Body extends Envelope> = Success<Body> extends { data: infer Data } ? Data : undefined

/** The `data` of a visitors call; any `code` but 0 becomes an `ApiError` with that code. */
export async function visitors<Body extends Envelope>(call: Promise<Answer<Body>>): Promise<Data<Body>> {
  return ((await opened(call)) as { data?: unknown }).data as Data<Body>
}

/** As `visitors`, for lists: the items and which page it is. */
export async function visitorsPage<Body extends Envelope>(
  call: Promise<Answer<Body>>,
): Promise<{ items: Data<Body>; page: PageInfo }> {
  const { data, page } = (await opened(call)) as unknown as { data: Data<Body>; page: PageInfo }
  return { items: data, page }
}

async function opened<Body extends Envelope>(call: Promise<Answer<Body>>): Promise<Success<Body>> {
  const { data, error, response } = await call
  const body: unknown = data ?? error
  if (!isObject(body) || typeof body['code'] !== 'number') throw unexpected(response)
  if (body['code'] !== 0) throw refusal(response, body['code'], String(body['err_msg'] ?? ''))
  return body as unknown as Success<Body>
}
