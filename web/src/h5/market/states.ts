/** What may be done with services, orders and refunds in each state, and by whom: the tables of docs/states.md. */

/** 发布者, 消费者 */
export const PUBLISHER = 1
export const CONSUMER = 2
export type Role = typeof PUBLISHER | typeof CONSUMER

/** The numbers of the actions on the wire (预约订单操作枚举). */
export const ORDER_ACTIONS = { agree: 1, reject: 2, pay: 3, confirm: 4, cancel: 7 } as const
export type OrderAction = keyof typeof ORDER_ACTIONS | 'rate' | 'refund'

/** What the person in this role may do with an order now. */
export function orderActions(status: number, role: Role, hasOpenRefund = false): OrderAction[] {
  if (role === PUBLISHER) return status === 0 ? ['agree', 'reject'] : []
  switch (status) {
    case 0:
      return ['cancel']
    case 1:
      return ['pay', 'cancel']
    case 2:
      // While a refund is open the order is not confirmed, and no other is asked for.
      return hasOpenRefund ? [] : ['confirm', 'refund']
    case 3:
      return ['rate']
    default:
      return []
  }
}

/** 退款订单操作枚举 */
export const REFUND_ACTIONS = { agree: 1, reject: 2, cancel: 3, confirm: 4 } as const
export type RefundAction = keyof typeof REFUND_ACTIONS

export function refundActions(status: number, role: Role): RefundAction[] {
  if (role === PUBLISHER) return status === 0 ? ['agree', 'reject'] : []
  if (status === 0) return ['cancel']
  return status === 2 ? ['confirm'] : []
}

/** 服务操作枚举 */
export const SERVICE_ACTIONS = { publish: 1, pause: 2, cancel: 3 } as const
export type ServiceAction = keyof typeof SERVICE_ACTIONS | 'edit'

/** What its publisher may do with a service. */
export function serviceActions(status: number): ServiceAction[] {
  switch (status) {
    case 0:
    case 5:
      return ['edit', 'cancel']
    case 1:
      return ['publish', 'edit', 'cancel']
    case 2:
      return ['pause', 'edit', 'cancel']
    default:
      return []
  }
}

/** Whether a refund stands between its order and the end: asked for, agreed to, or paid back and not yet confirmed. */
export function isRefundOpen(status: number): boolean {
  return status === 0 || status === 1 || status === 2
}

/** Whether the consumer may ask staff to decide instead. */
export function mayAppeal(status: number, role: Role): boolean {
  return role === CONSUMER && status === 4
}
