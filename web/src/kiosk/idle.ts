/** How long nobody has touched the screen. */
import { onScopeDispose, readonly, type Ref, ref } from 'vue'

const TOUCHES = ['pointerdown', 'keydown', 'wheel', 'touchmove', 'input'] as const
const TICK = 250

export interface Idle {
  /** Whole seconds until `onIdle`. */
  left: Readonly<Ref<number>>
  /** Begins anew, as at a touch. */
  restart: () => void
}

export interface IdleOptions {
  /** After how many seconds; asked for anew at each touch. */
  limit: () => number
  onIdle: () => void
  /** Whether a touch counts: not while a question waits for its own answer. */
  counts?: () => boolean
}

/** Calls `onIdle` once the screen was left alone for the limit, and again after each further limit. */
export function useIdle({ limit, onIdle, counts = () => true }: IdleOptions): Idle {
  let end = 0
  const left = ref(0)

  /** By the clock that nobody can set: a count of ticks would stand still while the page sleeps. */
  function restart(): void {
    end = performance.now() + limit() * 1_000
    left.value = limit()
  }

  function tick(): void {
    left.value = Math.max(0, Math.ceil((end - performance.now()) / 1_000))
    if (left.value > 0) return
    restart()
    onIdle()
  }

  const touch = () => counts() && restart()
  for (const kind of TOUCHES) addEventListener(kind, touch, { capture: true, passive: true })
  const timer = setInterval(tick, TICK)
  onScopeDispose(() => {
    for (const kind of TOUCHES) removeEventListener(kind, touch, { capture: true })
    clearInterval(timer)
  })
  restart()
  return { left: readonly(left), restart }
}
