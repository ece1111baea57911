import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { effectScope } from 'vue'

import { HOLD, useHold } from './hold'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('only a press that lasts counts, by finger or by key', () => {
  const onHeld = vi.fn()
  const scope = effectScope()
  const on = scope.run(() => useHold(onHeld)) ?? {}
  const key = (name: string) => new KeyboardEvent('keydown', { key: name })

  on['pointerdown']?.(new Event('pointerdown'))
  vi.advanceTimersByTime(HOLD - 1)
  on['pointerup']?.(new Event('pointerup'))
  vi.advanceTimersByTime(HOLD)
  expect(onHeld).not.toHaveBeenCalled()

  on['pointerdown']?.(new Event('pointerdown'))
  vi.advanceTimersByTime(HOLD)
  expect(onHeld).toHaveBeenCalledTimes(1)

  on['keydown']?.(key('a'))
  vi.advanceTimersByTime(HOLD)
  expect(onHeld).toHaveBeenCalledTimes(1)
  // A key that is held repeats itself.
  on['keydown']?.(key('Enter'))
  vi.advanceTimersByTime(HOLD - 1)
  on['keydown']?.(key('Enter'))
  vi.advanceTimersByTime(1)
  expect(onHeld).toHaveBeenCalledTimes(2)

  on['pointerdown']?.(new Event('pointerdown'))
  scope.stop()
  vi.advanceTimersByTime(HOLD)
  expect(onHeld).toHaveBeenCalledTimes(2)
})
