/** A form: what it finds wrong itself and what the server does, each at its field, and the first one focused. */
import { computed, type ComputedRef, nextTick, type Ref, ref, watch } from 'vue'

import type { ApiError } from '@/api/error'
import { useSubmit } from '@/shared/submit'

/** What is wrong, by the field's name on the wire. */
export type Problems = Record<string, string>

export interface Form<Result> {
  /** Checks and sends; resolves to nothing if it failed. */
  submit: () => Promise<Result | undefined>
  busy: Readonly<Ref<boolean>>
  failure: Readonly<Ref<ApiError | undefined>>
  errorOf: (field: string) => string
  /** What is wrong with no field of the form in particular. */
  otherError: ComputedRef<string>
}

export function useForm<Result>(options: {
  /** What will be sent. */
  content: () => unknown
  /** The fields that show their own errors. */
  fields: string[]
  /** The field that a refusal is about, by its code, where the answer does not name one. */
  places?: Record<number, string>
  check: () => Problems
  send: (key: string) => Promise<Result>
}): Form<Result> {
  const { content, check, fields, places = {} } = options
  const submission = useSubmit(options.send, content)
  const problems = ref<Problems>({})

  // What was mended is no longer told; nothing new is before it is sent again.
  watch(
    () => JSON.stringify(content()),
    () => {
      submission.reset()
      const still = check()
      const kept = Object.entries(problems.value).filter(([field]) => field in still)
      problems.value = Object.fromEntries(kept)
    },
  )

  async function submit(): Promise<Result | undefined> {
    problems.value = check()
    const result = Object.keys(problems.value).length === 0 ? await submission.submit() : undefined
    if (result === undefined) await focusFirstError()
    return result
  }

  const { failure } = submission
  const placed = computed(() =>
    failure.value === undefined || failure.value.field !== undefined
      ? undefined
      : places[Number(failure.value.code)],
  )
  return {
    submit,
    busy: submission.busy,
    failure,
    errorOf: (field) =>
      problems.value[field] ??
      (placed.value === field ? (failure.value?.message ?? '') : submission.errorOf(field)),
    otherError: computed(() => (placed.value === undefined ? submission.errorBeside(...fields) : '')),
  }
}

async function focusFirstError(): Promise<void> {
  await nextTick()
  const first = document.querySelector<HTMLElement>('form [aria-invalid="true"]:not(:disabled)')
  first?.focus()
}

/** The problems of a form's fields: those that have one. */
export function problemsOf(found: Record<string, string | false>): Problems {
  const has = (entry: [string, string | false]): entry is [string, string] =>
    entry[1] !== false && entry[1] !== ''
  return Object.fromEntries(Object.entries(found).filter(has))
}

/** A mainland mobile number (手机号), as slots and members take it. */
export function isMobile(text: string): boolean {
  return /^1[3-9]\d{9}$/.test(text.trim())
}

/** A phone number as visitors takes it. */
export function isPhone(text: string): boolean {
  return /^\+?\d{5,20}$/.test(text.trim())
}
