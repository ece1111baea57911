/** What the pages ask of members. */
import { members } from '@/api/members'

import { memberApi as api, once } from '../api'
import { forgetMember, keepMember } from './session'

/** The WeChat page among the document's clients (爱美兔微信端). */
const CLIENT = 44

export async function sendCode(key: string, mobile: string, how: { again: boolean; byVoice: boolean }) {
  const body = { mobile, is_try: Number(how.again), is_voice: Number(how.byVoice) }
  return members(api.POST('/v1/login/sms_code', { body, headers: once(key) }))
}

export type Login =
  | { grant_type: 'sms_code'; mobile: string; sms_code: string; password?: string }
  | { grant_type: 'password'; mobile: string; password: string }

export async function logIn(login: Login): Promise<true> {
  const token = await members(api.POST('/v1/login/token', { body: { ...login, client_id: CLIENT } }))
  keepMember(token.access_token, token.expires_in)
  return true
}

/** Ends the token; it is forgotten here even if the server cannot be told. */
export async function logOut(): Promise<void> {
  try {
    await members(api.DELETE('/v1/login/token'))
  } finally {
    forgetMember()
  }
}

export const me = () => members(api.GET('/v1/accounts/me'))
export const points = () => members(api.GET('/v1/accounts/me/points'))
export const shops = () => members(api.GET('/v1/accounts/me/shops'))

export interface Change {
  nickname: string
  gender: number
  province_id: number
  city_id: number
}

export const changeMe = (change: Change) => members(api.PUT('/v1/accounts/me', { body: change }))

/** Without an old password when there is none, or a weak one. */
export async function changePassword(value: string, old?: string): Promise<true> {
  const body =
    old === undefined
      ? { proof_state: 'password_is_ok', value }
      : { proof_state: 'password', password: old, value }
  await members(api.PUT('/v1/accounts/me/password', { body }))
  return true
}
