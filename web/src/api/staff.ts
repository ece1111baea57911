import { type ApiError, refusal, unexpected } from './error'
import { type Answer, isObject } from './http'
import type { components } from './schema'

/** A page of a list of the staff API. */
export interface Items<Item> {
  items: Item[]
  total: number
  page: number
  size: number
}

export type Role = components['schemas']['Role']

/** The body of a staff API call (`/admin/v1`); a problem document becomes an `ApiError`. */
export async function staff<Body>(call: Promise<Answer<Body>>): Promise<Body> {
  const { data, error, response } = await call
  if (response.ok) return data as Body
  throw problem(response, error)
}

function problem(response: Response, body: unknown): ApiError {
  if (!isObject(body) || typeof body['detail'] !== 'string') return unexpected(response)
  const field = typeof body['field'] === 'string' ? body['field'] : undefined
  return refusal(response, response.status, body['detail'], field)
}
