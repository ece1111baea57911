/** A press that lasts, by finger or key: for what visitors must not come upon. */
import { onScopeDispose } from 'vue'

export const HOLD = 3_000

export function useHold(onHeld: () => void): Record<string, (event: Event) => void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => {
    clearTimeout(timer)
    timer = undefined
  }
  const begin = () => {
    timer ??= setTimeout(() => {
      stop()
      onHeld()
    }, HOLD)
  }
  const isActivation = (event: Event) =>
    event instanceof KeyboardEvent && (event.key === 'Enter' || event.key === ' ')
  onScopeDispose(stop)
  return {
    pointerdown: begin,
    pointerup: stop,
    pointerleave: stop,
    pointercancel: stop,
    blur: stop,
    contextmenu: (event) => event.preventDefault(),
    keydown: (event) => isActivation(event) && begin(),
    keyup: stop,
  }
}
