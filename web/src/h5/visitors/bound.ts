/** Pages that only who is bound can use: everybody else is sent to where one binds. */
import { computed, type ComputedRef, watch } from 'vue'
import { useRouter } from 'vue-router'

import { weixinUserId } from '../access'
import { type Loaded, useLoaded } from '../parts/load'
import * as calls from './calls'

export interface Bound extends Loaded<calls.Binding | null> {
  isEmployee: ComputedRef<boolean>
}

export function useBinding(): Bound {
  const router = useRouter()
  const loaded = useLoaded(async () => (weixinUserId() === '' ? null : calls.binding()))
  // WeChat's word ends, too.
  watch(weixinUserId, () => void loaded.reload())
  watch(loaded.data, (binding) => {
    if (binding === null) void router.replace('/visitors')
  })
  return { ...loaded, isEmployee: computed(() => loaded.data.value?.type === 'employee') }
}
