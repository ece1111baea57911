/** Getting to a page whose script did not come, or where the server did not say who is there. */
import { type Router, START_LOCATION } from 'vue-router'

/** Milliseconds until the first page is tried again. */
const PAUSE = 3_000

/** Takes up each change of page that failed, once there is a connection. */
export function arriveLater(router: Router): void {
  let isLeaving = false
  let waiting = new AbortController()
  // Leaving breaks off what is being loaded, which is no failure.
  addEventListener('beforeunload', () => (isLeaving = true))

  // Who went elsewhere does not want to go there any more.
  router.afterEach(() => waiting.abort())
  router.onError((_error, to, from) => {
    if (isLeaving) return
    waiting.abort()
    waiting = new AbortController()
    if (from === START_LOCATION) {
      setTimeout(() => void router.replace(to.fullPath).catch(() => undefined), PAUSE)
      return
    }
    // As a whole: browsers do not ask again for a script that failed, and the server may have others by now.
    const go = () => location.assign(router.resolve(to.fullPath).href)
    if (navigator.onLine) go()
    else addEventListener('online', go, { signal: waiting.signal })
  })
}
