/** What the pages ask of visitors, as the WeChat that this browser is. */
import { ApiError } from '@/api/error'
import type { components } from '@/api/schema'
import { visitors, visitorsPage } from '@/api/visitors'

import { weixinUserId } from '../access'
import { once, visitorsApi as api } from '../api'

export type Binding = components['schemas']['AnyView']
export type VisitRecord = components['schemas']['Record']
export type Application = Omit<components['schemas']['ApplyRequest'], 'subject_type' | 'group_ids'>

/** What this WeChat is bound as; null while it is not. */
export async function binding(): Promise<Binding | null> {
  const query = { weixinUserId: weixinUserId() }
  try {
    return await visitors(api.GET('/v1/wechat/is_binding', { params: { query } }))
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return null
    throw error
  }
}

/** Gives the seconds for which the code can be used. */
export async function sendCode(key: string, phone: string): Promise<number> {
  const sent = await visitors(api.POST('/v1/binding/sms_code', { body: { phone }, headers: once(key) }))
  return sent.expires_in
}

export async function bindVisitor(key: string, phone: string, sms_code?: string): Promise<true> {
  const body = { weixinUserId: weixinUserId(), phone, ...(sms_code ? { sms_code } : {}) }
  await visitors(api.POST('/v1/visitor/binding', { body, headers: once(key) }))
  return true
}

export async function bindEmployee(
  key: string,
  name: string,
  phone: string,
  sms_code?: string,
): Promise<true> {
  const body = { weixinUserId: weixinUserId(), name, phone, ...(sms_code ? { sms_code } : {}) }
  await visitors(api.POST('/v1/subject/binding', { body, headers: once(key) }))
  return true
}

export async function unbind(): Promise<true> {
  const path = { weixinUserId: weixinUserId() }
  await visitors(api.DELETE('/v1/subject/binding/{weixinUserId}', { params: { path } }))
  return true
}

export const apply = (key: string, application: Application) =>
  visitors(
    api.POST('/v1/subject', { body: { subject_type: 1, ...application } as never, headers: once(key) }),
  )

const SIZE = 10

export async function records(proposer: string, page: number) {
  const query = { type: 'mobile', proposer, page, size: SIZE }
  const found = await visitorsPage(api.GET('/v1/visit/records', { params: { query } }))
  return { items: found.items, total: found.page.count }
}

export async function applications(phone: string, page: number) {
  const query = { phone, page, size: SIZE }
  const found = await visitorsPage(api.GET('/v1/auth/records', { params: { query } }))
  return { items: found.items, total: found.page.count }
}

/** A reason refuses. */
export async function decide(id: number, reason?: string): Promise<true> {
  const body = reason === undefined ? { decision: 'approve' } : { decision: 'refuse', reason }
  await visitors(api.PUT('/v1/auth/{id}', { params: { path: { id } }, body }))
  return true
}
