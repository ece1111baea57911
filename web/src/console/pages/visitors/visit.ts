/** What a visitor record amounts to, and how a list of them is narrowed down. */
import type { components } from '@/api/schema'
import { showTime } from '@/shared/time'

import { given } from '../../components/filter'
import { text } from './messages'

export type Visit = components['schemas']['Record']

export type VisitState = 'waiting' | 'lapsed' | 'refused' | 'authorised' | 'missed' | 'arrived' | 'over'

/** Where a visit stands at `at` (`YYYY-MM-DD HH:MM:SS`). */
export function stateOf(
  visit: Pick<Visit, 'is_auth' | 'refuse_reason' | 'signin_time' | 'end_time'>,
  at: string,
): VisitState {
  const isPast = showTime(visit.end_time) <= at
  if (visit.is_auth !== 1) {
    if (visit.refuse_reason !== '') return 'refused'
    return isPast ? 'lapsed' : 'waiting'
  }
  if (showTime(visit.signin_time) !== '') return isPast ? 'over' : 'arrived'
  return isPast ? 'missed' : 'authorised'
}

/** Whom a visit is of; an erased one has no name any more. */
export function nameOf(visit: Visit): string {
  return visit.name === '' ? text.value.erased : visit.name
}

/** How a state is coloured. */
export const STATE_TYPES = {
  waiting: 'warning',
  lapsed: 'info',
  refused: 'danger',
  authorised: 'primary',
  missed: 'info',
  arrived: 'success',
  over: 'info',
} as const satisfies Record<VisitState, string>

export interface Guest {
  role: 'visitor' | 'retinue'
  subjectId: number
  name: string
  phone: string
  /** What the pass holds; "" before sign-in. */
  pass: string
}

/** The visitor, then the companions. */
export function guestsOf(visit: Visit): Guest[] {
  const guest = (
    role: Guest['role'],
    of: Pick<Visit, 'subject_id' | 'name' | 'phone' | 'qrcode'>,
  ): Guest => ({
    role,
    subjectId: of.subject_id,
    name: of.name,
    phone: of.phone,
    pass: of.qrcode ?? '',
  })
  return [guest('visitor', visit), ...visit.retinues.map((companion) => guest('retinue', companion))]
}

/** `2021-10-01 08:00:00` to `2021-10-01 10:00:00` as `2021-10-01 08:00 - 10:00`. */
export function showPeriod(from: Visit['start_time'], to: Visit['end_time']): string {
  const [start, end] = [showTime(from).slice(0, 16), showTime(to).slice(0, 16)]
  return `${start} - ${end.slice(0, 10) === start.slice(0, 10) ? end.slice(11) : end}`
}

/** The fields of the search; "" for one that does not matter. */
export interface VisitFilter {
  name: string
  phone: string
  interviewee: string
  interviewee_phone: string
  proposer: string
  is_auth: '' | '0' | '1'
  /** Null when it was cleared. */
  start_time: string | null
  end_time: string | null
}

export function emptyFilter(): VisitFilter {
  return {
    name: '',
    phone: '',
    interviewee: '',
    interviewee_phone: '',
    proposer: '',
    is_auth: '',
    start_time: '',
    end_time: '',
  }
}

/** The query of a filter. */
export function queryOf({ is_auth, ...texts }: VisitFilter) {
  return { ...given(texts), ...(is_auth === '' ? {} : { is_auth: Number(is_auth) }) }
}
