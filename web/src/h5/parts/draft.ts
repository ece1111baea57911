/** What was typed outlives a reload, and a detour to a login: WeChat's browser drops pages at will. */
import { type Ref, watch } from 'vue'

/** Takes up what was typed before, and keeps it until `forget`. */
export function useDraft<Values extends object>(
  name: string,
  values: Ref<Values>,
): { wasKept: boolean; forget: () => void } {
  const key = `yuyue.draft.${name}`
  const stored = sessionStorage.getItem(key)
  if (stored !== null) Object.assign(values.value, parse(stored))
  const stop = watch(values, (now) => sessionStorage.setItem(key, JSON.stringify(now)), { deep: true })
  return {
    wasKept: stored !== null,
    forget() {
      stop()
      sessionStorage.removeItem(key)
    },
  }
}

function parse(stored: string): object {
  try {
    const found: unknown = JSON.parse(stored)
    return typeof found === 'object' && found !== null ? found : {}
  } catch {
    return {}
  }
}
