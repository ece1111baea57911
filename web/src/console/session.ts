/** Who uses the console. */
import { computed, readonly, ref } from 'vue'

import { ApiError } from '@/api/error'
import { createApi } from '@/api/http'
import { type Role, staff } from '@/api/staff'

export interface Person {
  username: string
  role: Role
  /** Whether the account has a second factor. */
  totp: boolean
  /** Whether it must get one before anything else. */
  mustSetUpTotp: boolean
}

/** What proves who somebody is beside the password. */
export interface SecondFactor {
  totp?: string
  recovery_code?: string
}

/** Its 401 means that somebody is not signed in yet, or typed a wrong password. */
const api = createApi()

const person = ref<Person>()
const hasExpired = ref(false)

export const session = {
  /** Whoever is signed in. */
  person: readonly(person),
  /** Whether the session ended while the console was in use. */
  hasExpired: readonly(hasExpired),
}

const RANK: Record<Role, number> = { auditor: 0, reception: 1, admin: 2 }

/** Whether the person may do what needs `role`; what the server allows is for the server to say. */
export function may(role: Role): boolean {
  return person.value !== undefined && RANK[person.value.role] >= RANK[role]
}

/** Reactive forms of `may`, for templates. */
export const mayRun = computed(() => may('reception'))
export const mayChange = computed(() => may('admin'))

/** Finds out who is signed in. */
export async function recall(): Promise<void> {
  try {
    const known = await staff(api.GET('/admin/v1/session'))
    const { username, role, totp, must_set_up_totp: mustSetUpTotp } = known
    person.value = { username, role, totp, mustSetUpTotp }
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error
    person.value = undefined
  }
}

export async function signIn(username: string, password: string, second: SecondFactor = {}): Promise<void> {
  await staff(api.POST('/admin/v1/session', { body: { username, password, ...second } }))
  await recall()
  hasExpired.value = false
}

export async function signOut(): Promise<void> {
  try {
    await staff(api.DELETE('/admin/v1/session'))
  } catch (error) {
    // Whoever wants to leave and has no session any more has left.
    if (!(error instanceof ApiError && error.status === 401)) throw error
  }
  person.value = undefined
  hasExpired.value = false
}

/** Calls that wait until the password was given again. */
const waiting = ref<((isConfirmed: boolean) => void)[]>([])
/** Whether the password is needed again. */
export const needsPassword = computed(() => waiting.value.length > 0)

/** Asks for the password; whether it was given. */
export function askPassword(): Promise<boolean> {
  return new Promise((resolve) => {
    waiting.value.push(resolve)
  })
}

/** Gives the password again. */
export async function confirmPassword(password: string): Promise<void> {
  await staff(api.POST('/admin/v1/session/confirm', { body: { password } }))
  answer(true)
}

/** Lets the calls that wait go on, or fail. */
export function answer(isConfirmed: boolean): void {
  for (const resolve of waiting.value.splice(0)) resolve(isConfirmed)
}

/** Told when the server no longer knows the session. */
export function expire(): void {
  if (person.value !== undefined) hasExpired.value = true
}
