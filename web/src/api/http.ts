import createClient, { type Client } from 'openapi-fetch'

import { languageTag } from '@/shared/text'

import { ApiError } from './error'
import { text } from './messages'
import type { paths } from './schema'

/** Every endpoint, typed by the server's own description. */
export type Api = Client<paths>

/** What an openapi-fetch call resolves to, as far as unwrapping goes. */
export interface Answer<Body> {
  data?: Body
  error?: unknown
  response: Response
}

export interface ApiOptions {
  /** Headers that prove who calls, such as `X-Device-Key`. The console's cookie goes by itself. */
  credentials?: () => Record<string, string>
  /** Told when the server answers 401. */
  onUnauthorised?: () => void
  /** Asked when the server wants the password again; whether it got it, and the call is worth repeating. */
  onStepUp?: () => Promise<boolean>
}

const TIMEOUT = 20_000

/** The typed client. Calls reject with `ApiError` when no answer comes. */
export function createApi(options: ApiOptions = {}): Api {
  const { onStepUp } = options
  const api = createClient<paths>({
    baseUrl: location.origin,
    fetch: onStepUp === undefined ? send : (request) => sendAgainAfter(request, onStepUp),
  })
  api.use({
    onRequest({ request }) {
      request.headers.set('Accept-Language', languageTag())
      for (const [name, value] of Object.entries(options.credentials?.() ?? {}))
        request.headers.set(name, value)
      return request
    },
    onResponse({ response }) {
      if (response.status === 401) options.onUnauthorised?.()
    },
  })
  return api
}

/** As fetch, but it does not wait for ever, and says in words why no answer came. */
export async function send(request: Request): Promise<Response> {
  const ours = new AbortController()
  const timer = setTimeout(() => ours.abort(), TIMEOUT)
  const stop = () => ours.abort()
  request.signal.addEventListener('abort', stop)
  try {
    return await fetch(request, { signal: ours.signal })
  } catch (error) {
    if (request.signal.aborted) throw error
    throw ours.signal.aborted
      ? new ApiError(text.value.timeout, { status: 0, code: 'timeout' })
      : new ApiError(text.value.offline, { status: 0, code: 'offline' })
  } finally {
    clearTimeout(timer)
    request.signal.removeEventListener('abort', stop)
  }
}

/** As `send`, once more when the server only wanted the password again. */
async function sendAgainAfter(request: Request, stepUp: () => Promise<boolean>): Promise<Response> {
  const again = request.clone()
  const response = await send(request)
  if (response.status !== 403) return response
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  if (!isObject(body) || body['step_up'] !== true) return response
  return (await stepUp()) ? send(again) : response
}

/** Whether a body is an object, to look at its fields. */
export function isObject(body: unknown): body is Record<string, unknown> {
  return typeof body === 'object' && body !== null
}
