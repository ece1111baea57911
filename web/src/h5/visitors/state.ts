/** How a visit stands, of what its record says and the time. */
import { showTime } from '@/shared/time'

export interface Standing {
  is_auth: number
  refuse_reason: string
  end_time: number | string
  signin_time?: number | string | null
}

export type VisitState = 'waiting' | 'authorised' | 'refused' | 'inside' | 'over' | 'missed'

/** `now` is `YYYY-MM-DD HH:MM:SS`. */
export function stateOf(visit: Standing, now: string): VisitState {
  const isOver = showTime(visit.end_time) <= now
  if (visit.refuse_reason !== '') return 'refused'
  if (showTime(visit.signin_time) !== '') return isOver ? 'over' : 'inside'
  if (isOver) return 'missed'
  return visit.is_auth === 1 ? 'authorised' : 'waiting'
}

/** Whether the employee may still decide on it. */
export function canDecide(visit: Standing, now: string): boolean {
  return stateOf(visit, now) === 'waiting'
}
