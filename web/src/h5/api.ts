/** The clients of the pages, each with what its product asks for as proof. */
import { createApi } from '@/api/http'

import { access } from './access'
import { forgetToken, marketToken } from './market/session'
import { forgetMember, memberToken } from './member/session'

/** Slots and members: the member's token. */
export const memberApi = createApi({
  credentials: (): Record<string, string> =>
    memberToken.value === '' ? {} : { Authorization: `Bearer ${memberToken.value}` },
  onUnauthorised: forgetMember,
})

/** Visitors: the cookie that WeChat's word began, which goes by itself. */
export const visitorsApi = createApi({ onUnauthorised: () => void access.reload() })

/** Homemaking: the token of its own. */
export const marketApi = createApi({
  credentials: (): Record<string, string> => (marketToken.value === '' ? {} : { token: marketToken.value }),
  onUnauthorised: forgetToken,
})

/** The header by which a submission that is repeated is done once. */
export function once(key: string): { 'Idempotency-Key': string } {
  return { 'Idempotency-Key': key }
}
