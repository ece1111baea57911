/** An appointment as staff see it, and what can be done with it. */
import type { components } from '@/api/schema'
import { slots } from '@/api/slots'
import { staff } from '@/api/staff'
import { timeOfDay } from '@/shared/time'

import { api } from '../../api'

export type Appointment = components['schemas']['AppointmentItem']
export type Status = 'booked' | 'signed_in' | 'cancelled'

export function statusOf(appointment: Pick<Appointment, 'status' | 'signed_in_at'>): Status {
  if (appointment.status === 1) return 'cancelled'
  return appointment.signed_in_at === '' ? 'booked' : 'signed_in'
}

/** `2021-10-01 09:05` */
export function timeOf(appointment: Pick<Appointment, 'day' | 'hour' | 'minute'>): string {
  return `${appointment.day} ${timeOfDay(appointment.hour, appointment.minute)}`
}

/** Signs in; whether it was signed in before. */
export async function signIn(id: number): Promise<boolean> {
  return (await slots(api.POST('/v1/sign-in', { body: { appointment_id: id } }))).already
}

export async function cancel(id: number): Promise<void> {
  await staff(api.POST('/admin/v1/appointments/{id}/cancel', { params: { path: { id } } }))
}
