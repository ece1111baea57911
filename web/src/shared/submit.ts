/** Submitting a form once: however often it is pressed, and whether or not the answer came. */
import { computed, type ComputedRef, type Ref, ref } from 'vue'

import { ApiError, describe } from '@/api/error'

export interface Submission<Args extends unknown[], Result> {
  /** Runs the action unless it is under way; resolves to nothing if it failed. */
  submit: (...args: Args) => Promise<Result | undefined>
  busy: Readonly<Ref<boolean>>
  /** Why the last attempt failed, until the next one. */
  failure: Readonly<Ref<ApiError | undefined>>
  /** The failure's words for a field, by its name on the wire. */
  errorOf: (field: string) => string
  /** The failure's words where none of `fields` is at fault. */
  errorBeside: (...fields: string[]) => string
  /** Forgets the last failure, as when a dialog opens anew. */
  reset: () => void
}

/**
 * `action` gets a key for `Idempotency-Key`. It stays the same while nobody knows whether the server did it
 * (no answer, 5xx) and the same is sent, so that pressing again cannot do it twice.
 */
export function useSubmit<Args extends unknown[], Result>(
  action: (key: string, ...args: Args) => Promise<Result>,
  /** What will be sent; another content gets another key. */
  content: () => unknown = () => undefined,
): Submission<Args, Result> {
  const busy = ref(false)
  const failure = ref<ApiError>()
  let key = ''
  let sent = ''

  async function submit(...args: Args): Promise<Result | undefined> {
    if (busy.value) return undefined
    busy.value = true
    failure.value = undefined
    const now = JSON.stringify([content(), args])
    if (key === '' || now !== sent) key = randomKey()
    sent = now
    try {
      const result = await action(key, ...args)
      key = ''
      return result
    } catch (error) {
      if (!(error instanceof ApiError && error.isUnsure)) key = ''
      failure.value = asApiError(error)
      return undefined
    } finally {
      busy.value = false
    }
  }

  const errorOf = (field: string) => (isAt(failure.value, field) ? (failure.value?.message ?? '') : '')
  const errorBeside = (...fields: string[]) =>
    fields.some((field) => isAt(failure.value, field)) ? '' : (failure.value?.message ?? '')
  const reset = () => {
    failure.value = undefined
  }
  return { submit, busy, failure, errorOf, errorBeside, reset }
}

function isAt(failure: ApiError | undefined, field: string): boolean {
  const at = failure?.field
  return at !== undefined && (at === field || at.startsWith(`${field}.`) || at.startsWith(`${field}[`))
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  console.error(error)
  return new ApiError(describe(error), { status: -1, code: 'page' })
}

/** 128 random bits; `crypto.randomUUID` is missing on plain HTTP. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Loads something, again on request; of two loads under way the later one wins. */
export function useLoad<Args extends unknown[], Result>(
  load: (...args: Args) => Promise<Result>,
): {
  data: Readonly<Ref<Result | undefined>>
  loading: Readonly<Ref<boolean>>
  failure: ComputedRef<string>
  reload: (...args: Args) => Promise<void>
} {
  const data = ref<Result>() as Ref<Result | undefined>
  const under = ref(0)
  const error = ref<unknown>()
  let latest = 0

  async function reload(...args: Args): Promise<void> {
    const mine = ++latest
    under.value += 1
    try {
      const result = await load(...args)
      if (mine !== latest) return
      data.value = result
      error.value = undefined
    } catch (reason) {
      if (mine === latest) error.value = reason
    } finally {
      under.value -= 1
    }
  }

  return {
    data,
    loading: computed(() => under.value > 0),
    failure: computed(() => (error.value === undefined ? '' : describe(error.value))),
    reload,
  }
}
