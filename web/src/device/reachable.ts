/** Whether the server answers: a gate must say that it cannot check before somebody stands in front of it. */
import { computed, onScopeDispose, type ComputedRef, ref } from 'vue'

import { isOnline } from '@/shared/online'

const OFTEN = 4_000
const SELDOM = 20_000
/** A server that takes longer is as good as gone. */
const PATIENCE = 4_000

export function useReachable(): { isReachable: ComputedRef<boolean>; look: () => Promise<void> } {
  const answers = ref(true)
  let timer: ReturnType<typeof setTimeout> | undefined
  let hasEnded = false

  async function look(): Promise<void> {
    clearTimeout(timer)
    try {
      answers.value = (
        await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) })
      ).ok
    } catch {
      answers.value = false
    }
    clearTimeout(timer)
    if (!hasEnded) timer = setTimeout(look, answers.value ? SELDOM : OFTEN)
  }

  const now = () => void look()
  addEventListener('online', now)
  onScopeDispose(() => {
    hasEnded = true
    clearTimeout(timer)
    removeEventListener('online', now)
  })
  void look()
  return { isReachable: computed(() => answers.value && isOnline.value), look }
}
