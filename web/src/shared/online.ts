/** Whether there is a connection, as the browser says and as calls find. */
import { readonly, ref } from 'vue'

const online = ref(navigator.onLine)
addEventListener('online', () => (online.value = true))
addEventListener('offline', () => (online.value = false))

export const isOnline = readonly(online)
