/** Numbers of the document in words and colours. */
import type { components } from '@/api/schema'

import { text } from './messages'

type Colour = 'primary' | 'success' | 'warning' | 'danger' | 'info'

const SERVICE: Colour[] = ['warning', 'primary', 'success', 'danger', 'info', 'danger']
const ORDER: Colour[] = ['warning', 'warning', 'primary', 'primary', 'success', 'info', 'danger']
const REFUND: Colour[] = ['warning', 'primary', 'primary', 'success', 'danger', 'info']
const RATING: Colour[] = ['info', 'warning', 'success']

export type Machine = 'service' | 'order' | 'refund' | 'rating'
const COLOURS: Record<Machine, Colour[]> = { service: SERVICE, order: ORDER, refund: REFUND, rating: RATING }

/** The words of a status, the number itself if it is none of ours. */
export function stateWords(machine: Machine, status: number): string {
  return statesOf(machine)[status] ?? String(status)
}

export function stateColour(machine: Machine, status: number): Colour {
  return COLOURS[machine][status] ?? 'info'
}

/** All statuses in words, by their number. */
export function statesOf(machine: Machine): string[] {
  const { serviceStates, orderStates, refundStates, ratingStates } = text.value
  return { service: serviceStates, order: orderStates, refund: refundStates, rating: ratingStates }[machine]
}

/** Whom a person is called by: the real name, the nickname, or the number. */
export function personName(
  person: Pick<components['schemas']['Person'], 'id' | 'nickname' | 'real_name'>,
): string {
  return person.real_name || person.nickname || text.value.noName(person.id)
}

const ADDRESS_PARTS = ['provinceName', 'cityName', 'countyName', 'streetName', 'detailInfo', 'detailInfoNew']

/** What `wx.chooseAddress()` gave, on two lines; anything else as it is. */
export function addressText(address: unknown): string {
  if (typeof address !== 'object' || address === null) return ''
  const known = new Map(Object.entries(address))
  const get = (name: string) => {
    const part: unknown = known.get(name)
    return typeof part === 'string' || typeof part === 'number' ? String(part) : ''
  }
  const who = [get('userName'), get('telNumber')].filter(Boolean).join(' ')
  const where = [...new Set(ADDRESS_PARTS.map(get).filter(Boolean))].join(' ')
  return [who, where].filter(Boolean).join('\n') || JSON.stringify(address)
}

/** Yuan as text in fen; not a number if it is no money. */
export function fen(yuan: string): number {
  const parts = /^(-?)(\d+)\.(\d\d)$/.exec(yuan)
  return parts === null ? Number.NaN : Number(`${parts[1]}${parts[2]}${parts[3]}`)
}

/** What a step of an order's history was. */
export function stepWords(event: Pick<components['schemas']['EventView'], 'action' | 'refund_id'>): string {
  const steps = typeof event.refund_id === 'number' ? text.value.refundSteps : text.value.steps
  return steps[event.action] ?? event.action
}

/** Where a refund's appeal stands; nothing without one. */
export function appealWords(appeal: components['schemas']['AppealView'] | null | undefined): string {
  if (!appeal) return ''
  const { waiting, agree, reject } = text.value.appealOf
  if (typeof appeal.decision !== 'string') return waiting
  return appeal.decision === 'agree' ? agree : reject
}

/** The fields of a search for orders; "" for one that does not matter. */
export interface OrderFilter {
  status: number | ''
  order_no: string
  user_id: string
}

/** The query of a filter: what is no number is sent as it is, for the server to say so. */
export function orderQuery(filter: OrderFilter): { status?: number; order_no?: number; user_id?: number } {
  const said = Object.entries(filter).filter(([, value]) => String(value).trim() !== '')
  return Object.fromEntries(said.map(([name, value]) => [name, Number(value)]))
}
