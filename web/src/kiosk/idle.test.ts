import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type EffectScope, effectScope } from 'vue'

import { type Idle, useIdle } from './idle'

let scope: EffectScope

beforeEach(() => {
  vi.useFakeTimers()
  scope = effectScope()
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

function start(options: Parameters<typeof useIdle>[0]): Idle {
  const idle = scope.run(() => useIdle(options))
  if (idle === undefined) throw new Error('the scope has ended')
  return idle
}

test('it counts down to the limit, and a touch begins anew', () => {
  const onIdle = vi.fn()
  const { left } = start({ limit: () => 60, onIdle })
  expect(left.value).toBe(60)
  vi.advanceTimersByTime(45_000)
  expect(left.value).toBe(15)
  dispatchEvent(new Event('pointerdown'))
  expect(left.value).toBe(60)
  vi.advanceTimersByTime(59_750)
  expect(onIdle).not.toHaveBeenCalled()
  vi.advanceTimersByTime(250)
  expect(onIdle).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(60_000)
  expect(onIdle).toHaveBeenCalledTimes(2)
})

test('while a question waits, only its answer counts', () => {
  const onIdle = vi.fn()
  const { left, restart } = start({ limit: () => 10, onIdle, counts: () => left.value > 5 })
  vi.advanceTimersByTime(6_000)
  dispatchEvent(new Event('keydown'))
  expect(left.value).toBe(4)
  restart()
  expect(left.value).toBe(10)
})

test('when the page slept past the limit, it is over at once', () => {
  const onIdle = vi.fn()
  start({ limit: () => 60, onIdle })
  // Time that passes without any timer running.
  const now = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(now + 3_600_000)
  vi.advanceTimersByTime(250)
  expect(onIdle).toHaveBeenCalledTimes(1)
  vi.restoreAllMocks()
})

test('nothing is heard after the end', () => {
  const onIdle = vi.fn()
  start({ limit: () => 1, onIdle })
  scope.stop()
  vi.advanceTimersByTime(5_000)
  expect(onIdle).not.toHaveBeenCalled()
})
