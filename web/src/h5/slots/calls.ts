/** What the pages ask of slots, as the person that this browser is. */
import { members } from '@/api/members'
import { slots } from '@/api/slots'

import { isEnforced, ownId } from '../access'
import { memberApi as api, once } from '../api'

export const days = async () => (await slots(api.POST('/v1/available-days/list'))).days

export const hours = (day: string) => slots(api.POST('/v1/available-hours/list', { body: { day } }))

export const minutes = async (day: string, hour: number) =>
  (await slots(api.POST('/v1/available-minutes/list', { body: { day, hour } }))).minutes

/** A member acts for the WeChat bound to the account, and for `m` and its id while none is. */
async function openId(): Promise<string> {
  if (!isEnforced()) return ownId()
  const { openid, id } = await members(api.GET('/v1/accounts/me'))
  return openid || `m${id}`
}

export interface Wanted {
  day: string
  hour: number
  minute: number
  name: string
  phone_num: string
}

export async function book(key: string, wanted: Wanted) {
  const body = { ...wanted, open_id: await openId() }
  return slots(api.POST('/v1/make-appointment', { body, headers: once(key) }))
}

export async function mine() {
  return slots(api.POST('/v1/appointment/list', { body: { open_id: await openId() } }))
}

export async function cancel(id: number) {
  const body = { open_id: await openId(), appointment_id: id }
  await slots(api.POST('/v1/cancel-appointment', { body }))
  return true
}
