import type { ApiError } from '@/api/error'

import { text } from './messages'

/** What a visitor is told of a failure: the server's sentence, and what to do where it refused. */
export function toldOf(failure: ApiError | undefined): string {
  if (failure === undefined) return ''
  const isRefusal = !failure.isUnsure && failure.status !== 429 && failure.status !== -1
  return isRefusal ? text.value.askReception(failure.message) : failure.message
}
