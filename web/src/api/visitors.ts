import { refusal, unexpected } from './error'
import { type Answer, isObject } from './http'
import type { components } from './schema'

interface Envelope {
  code: number
  err_msg: string
}

export type PageInfo = components['schemas']['PageInfo']

/** The `data` of a visitors call; any `code` but 0 becomes an `ApiError` with that code. */
export async function visitors<Data>(call: Promise<Answer<Envelope & { data?: Data }>>): Promise<Data> {
  return (await opened(call)).data as Data
}

/** As `visitors`, for lists: the items and which page it is. */
export async function visitorsPage<Item>(
  call: Promise<Answer<Envelope & { data: Item[]; page: PageInfo }>>,
): Promise<{ items: Item[]; page: PageInfo }> {
  const { data, page } = await opened(call)
  return { items: data, page }
}

async function opened<Body extends Envelope>(call: Promise<Answer<Body>>): Promise<Body> {
  const { data, error, response } = await call
  const body: unknown = data ?? error
  if (!isObject(body) || typeof body['code'] !== 'number') throw unexpected(response)
  if (body['code'] !== 0) throw refusal(response, body['code'], String(body['err_msg'] ?? ''))
  return body as unknown as Body
}
