import { text } from './messages'

/** What is known of a call that failed. */
export interface Failure {
  /** The HTTP status; 0 when no answer came. */
  status: number
  /** The product's own number or name of the refusal; `offline` and `timeout` when no answer came. */
  code: number | string
  /** The parameter at fault, as it is spelt on the wire; `periods[0].from` for one inside. */
  field?: string | undefined
  /** Seconds after which a retry makes sense. */
  retryAfter?: number | undefined
}

/** A call that failed. `message` is a sentence for the person who acted. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: number | string
  readonly field: string | undefined
  readonly retryAfter: number | undefined

  constructor(message: string, failure: Failure) {
    super(message)
    this.status = failure.status
    this.code = failure.code
    this.field = failure.field
    this.retryAfter = failure.retryAfter
  }

  /** Whether the server may have done it all the same: no answer, or one that says nothing of it. */
  get isUnsure(): boolean {
    return this.status === 0 || this.status >= 500
  }
}

/** `手机号 phone_num: 应为 11 位手机号` names the field first; people see the rest beside the field. */
export function splitField(message: string): { field: string | undefined; message: string } {
  const match = /^(?:[^:]* )?([A-Za-z_][\w.[\]-]*): (.+)$/s.exec(message)
  return match ? { field: match[1], message: match[2] ?? message } : { field: undefined, message }
}

/** The error of an answer whose body says what went wrong. */
export function refusal(
  response: Response,
  code: number | string,
  message: string,
  field?: string,
): ApiError {
  const split = splitField(message)
  const retryAfter = Number(response.headers.get('Retry-After')) || undefined
  return new ApiError(sentence(response.status, split.message, retryAfter), {
    status: response.status,
    code,
    field: field ?? split.field,
    retryAfter,
  })
}

/** The error of an answer that no product wrote, such as a proxy's. */
export function unexpected(response: Response): ApiError {
  return refusal(response, response.status, '')
}

function sentence(status: number, message: string, retryAfter: number | undefined): string {
  if (status === 429) return text.value.tooMany(retryAfter)
  if (status >= 500) return text.value.serverFailed
  return message || text.value.refused(status)
}

/** A sentence for any error that a page may meet. */
export function describe(error: unknown): string {
  return error instanceof ApiError ? error.message : text.value.pageFailed
}
