/** The message templates: which event and channel each is for. */
import type { components } from '@/api/schema'

export type Templates = components['schemas']['Templates']

/** In the order in which they are sent during a visit. */
export const EVENTS = [
  { event: 'approval_reminder_to_employee', optional: false },
  { event: 'apply_receipt_to_visitor', optional: true },
  { event: 'approval_pass_to_visitor', optional: false },
  { event: 'visitor_signin_to_employee', optional: false },
  { event: 'signin_to_visitor', optional: false },
  { event: 'approval_refuse_to_visitor', optional: true },
  { event: 'visitor_overdue_to_employee', optional: true },
] as const

export const CHANNELS = ['wechat', 'sms'] as const

export type Event = (typeof EVENTS)[number]['event']
export type Channel = (typeof CHANNELS)[number]

/** The setting that holds the template of an event on a channel. */
export function fieldOf<E extends Event, C extends Channel>(event: E, channel: C) {
  return `${event}_${channel}_id` as const
}

/** Every setting, and whether it may be left empty. */
export const FIELDS = EVENTS.flatMap(({ event, optional }) =>
  CHANNELS.map((channel) => ({ field: fieldOf(event, channel), optional })),
)

/** The settings that are missing: nothing can be sent without them. */
export function missing(templates: Templates): (keyof Templates)[] {
  return FIELDS.filter(({ field, optional }) => !optional && templates[field].trim() === '').map(
    ({ field }) => field,
  )
}

/** Each setting with nothing in it. */
export function noTemplates(): Templates {
  return Object.fromEntries(FIELDS.map(({ field }) => [field, ''])) as unknown as Templates
}
