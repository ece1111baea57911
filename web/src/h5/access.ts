/**
 * Who the browser is. Where the server asks nobody to prove it (as the documents have it), the browser makes up an
 * id and keeps it; elsewhere a member's login or WeChat says who it is.
 */
import { watch } from 'vue'

import { createApi } from '@/api/http'
import type { components } from '@/api/schema'
import { staff } from '@/api/staff'
import { isOnline } from '@/shared/online'
import { randomKey, useLoad } from '@/shared/submit'

export type Access = components['schemas']['Access']

const api = createApi()

/** How the server tells callers apart; loaded once, before the first page. */
export const access = useLoad(() => staff(api.GET('/auth/session')))

const ready = new Promise<Access>((resolve) => {
  watch(access.data, (data) => data && resolve(data), { flush: 'sync' })
})
watch(isOnline, (online) => {
  if (online && access.data.value === undefined) void access.reload()
})
void access.reload()

/** Resolves when it is known how the server tells callers apart. */
export function whenReady(): Promise<Access> {
  return ready
}

/** Whether callers must prove who they are. */
export function isEnforced(): boolean {
  return access.data.value?.mode === 'enforced'
}

const STORED = 'yuyue.id'

/** The browser's own id, as `open_id` and `weixinUserId`, where nobody has to prove theirs. */
export function ownId(): string {
  let id = localStorage.getItem(STORED)
  if (id === null) {
    id = `h5-${randomKey()}`
    localStorage.setItem(STORED, id)
  }
  return id
}

/** The `weixinUserId` to act with; "" while WeChat has yet to say who it is. */
export function weixinUserId(): string {
  return isEnforced() ? (access.data.value?.weixinUserId ?? '') : ownId()
}
