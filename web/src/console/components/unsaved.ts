import { onBeforeUnmount, onMounted } from 'vue'
import { onBeforeRouteLeave } from 'vue-router'

import { text } from '../messages'
import { ask } from './ask'

/** Asks before a page is left whose changes are not saved. */
export function useUnsavedGuard(isChanged: () => boolean): void {
  const warn = (event: BeforeUnloadEvent) => {
    if (isChanged()) event.preventDefault()
  }
  onMounted(() => addEventListener('beforeunload', warn))
  onBeforeUnmount(() => removeEventListener('beforeunload', warn))
  onBeforeRouteLeave(() => !isChanged() || ask(text.value.unsaved))
}
