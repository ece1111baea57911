/** What the pages ask of homemaking. */
import { ApiError } from '@/api/error'
import { homemaking } from '@/api/homemaking'
import type { components } from '@/api/schema'

import { marketApi as api, once } from '../api'
import { keepToken } from './session'
import { ORDER_ACTIONS, REFUND_ACTIONS, type RefundAction, type Role, SERVICE_ACTIONS } from './states'

type Schemas = components['schemas']
export type Listed = Schemas['ListedService']
export type Service = Schemas['ServiceView']
export type Order = Schemas['OrderView']
export type Person = Schemas['Person']
export type Draft = Schemas['ServiceRequest']

/** Entries a page of a list. */
const COUNT = 10

interface Paged<Item> {
  total: number
  data: Item[]
}
const paged = <Item>({ total, data }: Paged<Item>) => ({ total, items: data })

export async function enter(i_code: string, order_no: number): Promise<true> {
  const { token } = await homemaking(api.POST('/homemaking/v1/token', { body: { i_code, order_no } }))
  keepToken(token)
  return true
}

export const categories = () => homemaking(api.GET('/homemaking/v1/category'))

export interface Wanted {
  type?: number
  category_id?: number
  keyword?: string
  sort?: 'newest' | 'score' | 'sales_volume' | 'price' | 'price_desc'
}

export async function services(wanted: Wanted, page: number) {
  const query = { ...wanted, page, count: COUNT }
  return paged(await homemaking(api.GET('/homemaking/v1/service/list', { params: { query } })))
}

export const service = (id: number) =>
  homemaking(api.GET('/homemaking/v1/service/{id}', { params: { path: { id } } }))

export async function myServices(type: number, status: number | undefined, page: number) {
  const query = { type, ...(status === undefined ? {} : { status }), page, count: COUNT }
  return paged(await homemaking(api.GET('/homemaking/v1/service/my', { params: { query } })))
}

export const create = (key: string, body: Draft) =>
  homemaking(api.POST('/homemaking/v1/service', { body, headers: once(key) }))

export const edit = (id: number, body: Draft) =>
  homemaking(api.PUT('/homemaking/v1/service/{id}', { params: { path: { id } }, body }))

export async function actOnService(id: number, action: keyof typeof SERVICE_ACTIONS): Promise<true> {
  const body = { action: SERVICE_ACTIONS[action] }
  await homemaking(api.POST('/homemaking/v1/service/{id}', { params: { path: { id } }, body }))
  return true
}

/** As `wx.chooseAddress()` gives it. */
export interface Address {
  userName: string
  telNumber: string
  provinceName: string
  cityName: string
  countyName: string
  detailInfo: string
}

export const placeOrder = (key: string, service_id: number, address: Address | undefined) =>
  homemaking(
    api.POST('/homemaking/v1/order', {
      body: { service_id, ...(address === undefined ? {} : { address: JSON.stringify(address) }) },
      headers: once(key),
    }),
  )

export async function orders(role: Role, status: number | undefined, page: number) {
  const query = { role, ...(status === undefined ? {} : { status }), page, count: COUNT }
  return paged(await homemaking(api.GET('/homemaking/v1/order/my', { params: { query } })))
}

export const orderCounts = (role: Role) =>
  homemaking(api.GET('/homemaking/v1/order/count', { params: { query: { role } } }))

export const order = (id: number) =>
  homemaking(api.GET('/homemaking/v1/order/{id}', { params: { path: { id } } }))

export const history = (id: number) =>
  homemaking(api.GET('/homemaking/v1/order/{id}/events', { params: { path: { id } } }))

export async function actOnOrder(key: string, id: number, action: keyof typeof ORDER_ACTIONS): Promise<true> {
  const body = { action: ORDER_ACTIONS[action] }
  await homemaking(
    api.POST('/homemaking/v1/order/{id}', { params: { path: { id } }, body, headers: once(key) }),
  )
  return true
}

/** What WeChat Pay needs to let its payer pay. */
export type Payment = Record<string, unknown>

/** Pays an order; gives what the payer needs while it is not paid yet. */
export async function pay(
  key: string,
  id: number,
  pay_by: 'official_account' | 'native',
): Promise<{ payment: Payment | undefined }> {
  const body = { action: ORDER_ACTIONS.pay, pay_by }
  const { payment } = await homemaking(
    api.POST('/homemaking/v1/order/{id}', { params: { path: { id } }, body, headers: once(key) }),
  )
  return { payment: payment ?? undefined }
}

export const me = () => homemaking(api.GET('/homemaking/v1/user'))
export const changeMe = (body: Schemas['UserRequest']) => homemaking(api.PUT('/homemaking/v1/user', { body }))

export type Refund = Schemas['RefundView']
export type Rating = Schemas['RatingView']
export type HistoryEvent = Schemas['EventView']

/** Each file in a field of its own, as the document has it. */
export async function upload(key: string, files: File[]) {
  const form = new FormData()
  files.forEach((file, at) => form.append(`file${at + 1}`, file))
  const uploaded = await homemaking(
    api.POST('/homemaking/v1/file', { body: form as never, bodySerializer: () => form, headers: once(key) }),
  )
  return uploaded.map(({ id, path }) => ({ id, path }))
}

export const askRefund = (key: string, body: Schemas['RefundRequest']) =>
  homemaking(api.POST('/homemaking/v1/refund', { body, headers: once(key) }))

export async function refunds(role: Role, status: number | undefined, page: number) {
  const query = { role, ...(status === undefined ? {} : { status }), page, count: COUNT }
  return paged(await homemaking(api.GET('/homemaking/v1/refund', { params: { query } })))
}

/** The refund of an order that is under way, if there is one; a person has few. */
export async function openRefund(role: Role, order: number): Promise<Refund | undefined> {
  const query = { role, page: 1, count: 100 }
  const { data } = await homemaking(api.GET('/homemaking/v1/refund/process', { params: { query } }))
  return data.find((refund) => refund.service_order.id === order)
}

export const refund = (id: number) =>
  homemaking(api.GET('/homemaking/v1/refund/{id}', { params: { path: { id } } }))

export const refundHistory = (id: number) =>
  homemaking(api.GET('/homemaking/v1/refund/{id}/events', { params: { path: { id } } }))

export async function actOnRefund(id: number, action: RefundAction): Promise<true> {
  const body = { action: REFUND_ACTIONS[action] }
  await homemaking(api.POST('/homemaking/v1/refund/{id}', { params: { path: { id } }, body }))
  return true
}

export const appeal = (id: number, reason: string) =>
  homemaking(api.POST('/homemaking/v1/refund/{id}/appeal', { params: { path: { id } }, body: { reason } }))

export const rate = (key: string, body: Schemas['RatingRequest']) =>
  homemaking(api.POST('/homemaking/v1/rating', { body, headers: once(key) }))

/** The rating of an order; null while there is none. */
export async function ratingOf(order_id: number): Promise<Rating | null> {
  try {
    return await homemaking(api.GET('/homemaking/v1/rating/order', { params: { query: { order_id } } }))
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}

export async function ratings(service_id: number, page: number) {
  const query = { service_id, page, count: COUNT }
  return paged(await homemaking(api.GET('/homemaking/v1/rating/service', { params: { query } })))
}

export const reply = (id: number, content: string) =>
  homemaking(api.POST('/homemaking/v1/rating/{id}/reply', { params: { path: { id } }, body: { content } }))
