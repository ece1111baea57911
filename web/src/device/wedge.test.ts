import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { effectScope } from 'vue'

import { GAP, KeyReader, LONG_GAP, useKeys } from './wedge'

const CODE = '{"id":207,"qrcode":"83bae139a9bc445384f4fc7a2df6a047"}'

/** Presses one key after another, `pause` milliseconds apart; what was typed and scanned, when all is quiet. */
function feed(
  keys: readonly string[],
  pause: number,
): { typed: string[]; scanned: string[]; taken: boolean[] } {
  const reader = new KeyReader()
  const typed: string[] = []
  const scanned: string[] = []
  const taken: boolean[] = []
  let at = 1_000
  for (const key of keys) {
    const reading = reader.press(key, at)
    typed.push(...reading.typed)
    if (reading.scanned !== undefined) scanned.push(reading.scanned)
    taken.push(reading.taken)
    at += pause
  }
  typed.push(...reader.flush(at + LONG_GAP).typed)
  return { typed, scanned, taken }
}

test('a reader types a code, at any of the speeds they have', () => {
  for (const pause of [0, 1, 10, 50]) {
    const { typed, scanned, taken } = feed([...CODE, 'Enter'], pause)
    expect(typed).toEqual([])
    expect(scanned).toEqual([CODE])
    expect(taken.slice(1)).toEqual(Array.from(CODE, () => true))
  }
})

test('people type, however fast their fingers roll', () => {
  for (const pause of [90, 200]) {
    expect(feed([...'13900000001', 'Enter'], pause)).toMatchObject({
      typed: [...'13900000001', 'Enter'],
      scanned: [],
    })
  }
  expect(feed([...'139', 'Enter'], 20)).toMatchObject({ typed: [...'139', 'Enter'], scanned: [] })
  expect(feed([...'1390', 'Backspace', '1'], 20).typed).toEqual([...'1390', 'Backspace', '1'])
})

test('readers may end with two Enters, and with none their reading is dropped', () => {
  const { scanned, typed, taken } = feed([...CODE, 'Enter', 'Enter'], 2)
  expect([scanned, typed, taken.at(-1)]).toEqual([[CODE], [], true])
  expect(feed([...CODE], 2)).toMatchObject({ typed: [], scanned: [] })
})

test('a radio reader may falter within a code', () => {
  const reader = new KeyReader()
  const presses = [...CODE, 'Enter'].map((key, at) => reader.press(key, at < 20 ? at : at + LONG_GAP - 10))
  expect(presses.flatMap(({ typed }) => typed)).toEqual([])
  expect(presses.at(-1)?.scanned).toBe(CODE)
})

test('a code that follows a key of a person is whole', () => {
  const reader = new KeyReader()
  reader.press('5', 0)
  const typed = [...CODE].flatMap((key, at) => reader.press(key, 500 + at).typed)
  const end = reader.press('Enter', 500 + CODE.length)
  expect([typed, end.scanned]).toEqual([['5'], CODE])
})

/** What the page hears of. */
interface Heard {
  scans: string[]
  keys: string[]
  lost: true[]
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  document.body.innerHTML = ''
})

function listen(): Heard & { stop: () => void } {
  const heard: Heard = { scans: [], keys: [], lost: [] }
  const scope = effectScope()
  scope.run(() =>
    useKeys({
      onScan: (scan) => heard.scans.push(scan),
      onKey: (key) => heard.keys.push(key),
      onLost: () => heard.lost.push(true),
    }),
  )
  return { ...heard, stop: () => scope.stop() }
}

function type(target: EventTarget, keys: readonly string[], init: KeyboardEventInit = {}): KeyboardEvent[] {
  return keys.map((key) => {
    const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init })
    target.dispatchEvent(event)
    return event
  })
}

test('a code is heard wherever the focus is, and presses no button', () => {
  document.body.innerHTML = '<button>x</button>'
  const { scans, keys, stop } = listen()
  const button = document.querySelector('button') ?? document.body
  const events = type(button, [...'{"id": 207,"qrcode":"83bae"}', 'Enter'])
  expect(scans).toEqual(['{"id": 207,"qrcode":"83bae"}'])
  expect(events.at(-1)?.defaultPrevented).toBe(true)
  vi.advanceTimersByTime(GAP)
  expect(keys).toEqual([])
  stop()
  type(button, [...CODE, 'Enter'])
  expect(scans).toHaveLength(1)
})

test('typed keys arrive after a moment; Enter on a button is the button’s', () => {
  document.body.innerHTML = '<button>x</button><input id="key"><input id="phone" data-keys>'
  const { scans, keys, stop } = listen()
  type(document.body, ['1'])
  expect(keys).toEqual([])
  vi.advanceTimersByTime(GAP)
  expect(keys).toEqual(['1'])
  const [enter] = type(document.querySelector('button') ?? document.body, ['Enter'])
  expect([keys, enter?.defaultPrevented]).toEqual([['1'], false])
  const [backspace] = type(document.querySelector('#phone') ?? document.body, ['Backspace'])
  expect([keys, backspace?.defaultPrevented], 'deleted once, not twice').toEqual([['1', 'Backspace'], true])
  type(document.querySelector('#key') ?? document.body, [...CODE, 'Enter'])
  expect(scans).toEqual([])
  type(document.querySelector('#phone') ?? document.body, [...CODE, 'Enter'])
  expect(scans).toEqual([CODE])
  stop()
})

function compose(target: EventTarget, data: string): void {
  target.dispatchEvent(new CompositionEvent('compositionend', { data, bubbles: true }))
}

test('a reader may hold Alt, and end with Tab, line feed or carriage return', () => {
  const { scans, stop } = listen()
  type(document.body, ['Alt', ...CODE], { altKey: true })
  type(document.body, ['Enter'])
  for (const [key, init] of [
    ['Enter', { altKey: true }],
    ['Tab', {}],
    ['j', { ctrlKey: true }],
    ['M', { ctrlKey: true }],
  ] as const) {
    type(document.body, [...CODE])
    const [end] = type(document.body, [key], init)
    expect(end?.defaultPrevented, key).toBe(true)
    vi.advanceTimersByTime(LONG_GAP)
  }
  expect(scans).toEqual([CODE, CODE, CODE, CODE, CODE])
  stop()
})

test('shortcuts and going from field to field stay what they are', () => {
  const { scans, keys, lost, stop } = listen()
  const events = [
    ...type(document.body, ['j', 'c'], { ctrlKey: true }),
    ...type(document.body, ['ArrowLeft', 'Enter'], { altKey: true }),
    ...type(document.body, ['r'], { metaKey: true }),
    ...type(document.body, ['Tab']),
    ...type(document.body, ['Tab'], { shiftKey: true }),
  ]
  vi.advanceTimersByTime(LONG_GAP)
  expect(events.filter(({ defaultPrevented }) => defaultPrevented)).toEqual([])
  expect([scans, keys, lost]).toEqual([[], [], []])
  stop()
})

test('a code that an input method gives back is read, with its end or without', () => {
  const { scans, lost, stop } = listen()
  type(
    document.body,
    [...CODE].map(() => 'Process'),
  )
  compose(document.body, CODE)
  type(document.body, ['Enter'])
  type(
    document.body,
    [...CODE].map(() => 'Process'),
    { isComposing: true },
  )
  compose(document.body, CODE)
  vi.advanceTimersByTime(LONG_GAP)
  // Some of it by keys, the rest by the input method.
  type(document.body, [...CODE.slice(0, 8)])
  compose(document.body, CODE.slice(8))
  vi.advanceTimersByTime(LONG_GAP)
  expect([scans, lost]).toEqual([[CODE, CODE, CODE], []])
  stop()
})

test('a code that an input method swallows is told of, not guessed', () => {
  const { scans, lost, stop } = listen()
  type(
    document.body,
    [...CODE].map(() => 'Process'),
  )
  vi.advanceTimersByTime(LONG_GAP)
  expect(lost).toEqual([true])
  // Its figures come through, its letters do not.
  type(
    document.body,
    [...CODE].map((key) => (/[a-z]/.test(key) ? 'Unidentified' : key)),
  )
  type(document.body, ['Enter'])
  expect([scans, lost]).toEqual([[], [true, true]])
  type(document.body, ['Process', 'Process'])
  vi.advanceTimersByTime(LONG_GAP)
  expect(lost, 'fingers').toHaveLength(2)
  stop()
})
