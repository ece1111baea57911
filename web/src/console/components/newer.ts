import { type Ref, watch } from 'vue'

import type { ApiError } from '@/api/error'

import { text } from '../messages'
import { ask } from './ask'

/** The version of a document that a call answered, for the `If-Match` of the save. */
export async function versionOf(call: Promise<{ response: Response }>): Promise<string> {
  return (await call).response.headers.get('ETag') ?? ''
}

/** What a save sends along, so that it is refused when somebody else has saved since. */
export function over(version: string): Record<string, string> {
  return version === '' ? {} : { 'If-Match': version }
}

/** Offers to look at what somebody else has saved meanwhile; until then the form stays as it is. */
export function offerNewer(failure: Readonly<Ref<ApiError | undefined>>, look: () => Promise<void>): void {
  watch(failure, async (error) => {
    if (error?.status === 412 && (await ask(text.value.changedMeanwhile, text.value.lookAtIt))) await look()
  })
}
