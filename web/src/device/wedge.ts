/**
 * Codes from a reader that poses as a keyboard: it types faster than people and ends with Enter, Tab or Ctrl+J,
 * wherever the focus is; some hold Alt with every key. What people type comes through a moment later. What an input
 * method takes is read when it gives it back, and told of when it does not.
 */
import { onScopeDispose } from 'vue'

/** Milliseconds between two keys of one burst. */
export const GAP = 80
/** The same within what begins as our codes do: nobody types a brace, and radio readers falter. */
export const LONG_GAP = 500
/** Shorter bursts are somebody's fingers. */
export const LEAST = 8

/** How a reading may end; with Shift, Tab is somebody's who goes back. */
const ENDS = new Set(['Enter', 'Tab'])
/** They come on their own, before the keys that they change. */
const MODIFIERS = new Set(['Shift', 'CapsLock', 'Alt', 'AltGraph', 'Control', 'Meta', 'NumLock'])

export interface Reading {
  /** Keys that people pressed, in order. */
  typed: string[]
  scanned?: string
  /** An input method has taken a whole burst of keys and given nothing back. */
  isLost?: boolean
  /** The key belongs to a reader: nothing else may act on it. */
  taken: boolean
}

/** Tells a reader's keys from people's. */
export class KeyReader {
  #held = ''
  #last = -Infinity
  #scannedAt = -Infinity
  /** Keys that an input method has taken. */
  #hidden = 0
  /** Whether an input method has given some of what is held. */
  #isComposed = false

  press(key: string, at: number): Reading {
    const before = this.flush(at)
    const isBurst = this.#held !== ''
    this.#last = at
    if (key.length === 1) {
      this.#held += key
      return { ...before, taken: isBurst }
    }
    const [hidden, isComposed] = [this.#hidden, this.#isComposed]
    const held = this.#take()
    if (ENDS.has(key) && held.length + hidden >= LEAST) {
      this.#scannedAt = at
      // With some of its keys gone, the rest is no code.
      return { ...before, ...(hidden > 0 ? { isLost: true } : { scanned: held }), taken: true }
    }
    // Readers that end with CR and LF, or Tab and CR, press twice.
    if (ENDS.has(key) && held === '' && at - this.#scannedAt < GAP) return { ...before, taken: true }
    // What an input method gave stands in its field already.
    return { ...before, typed: [...before.typed, ...(isComposed ? '' : held), key], taken: false }
  }

  /** An input method has taken a key. */
  hide(at: number): Reading {
    const before = this.flush(at)
    this.#hidden += 1
    this.#last = at
    return { ...before, taken: true }
  }

  /** An input method gives text back. */
  compose(text: string, at: number): Reading {
    const before = this.flush(at)
    this.#held += text
    this.#hidden = 0
    this.#isComposed = true
    this.#last = at
    return { ...before, taken: true }
  }

  /** Whether a burst is under way. */
  get isBusy(): boolean {
    return this.#held !== ''
  }

  /** How long the next key of a burst may take. */
  get gap(): number {
    return this.#held.startsWith('{') || this.#hidden > 0 || this.#isComposed ? LONG_GAP : GAP
  }

  /**
   * What turned out to be typed by `at`. A long burst without its end is a reading that broke off, unless it came
   * through an input method: that keeps the end for itself.
   */
  flush(at: number): Reading {
    if ((this.#held === '' && this.#hidden === 0) || at - this.#last < this.gap) {
      return { typed: [], taken: false }
    }
    const [hidden, isComposed] = [this.#hidden, this.#isComposed]
    const held = this.#take()
    if (held.length + hidden < LEAST) return { typed: isComposed ? [] : [...held], taken: false }
    if (hidden > 0) return { typed: [], isLost: true, taken: false }
    return { typed: [], ...(isComposed ? { scanned: held } : {}), taken: false }
  }

  #take(): string {
    const held = this.#held
    this.#held = ''
    this.#hidden = 0
    this.#isComposed = false
    return held
  }
}

export interface KeyHandlers {
  onScan: (text: string) => void
  /** Keys that people pressed, by their names in `KeyboardEvent.key`. */
  onKey?: (key: string) => void
  /** An input method has swallowed a code. */
  onLost?: () => void
}

/** Listens anywhere on the page until the scope ends. Text fields keep their keys unless they carry `data-keys`. */
export function useKeys({ onScan, onKey, onLost }: KeyHandlers): void {
  const reader = new KeyReader()
  let timer: ReturnType<typeof setTimeout> | undefined

  function hear(event: KeyboardEvent): void {
    if (isNotForUs(event) || MODIFIERS.has(event.key)) return
    if (isHidden(event)) return act(reader.hide(event.timeStamp), event.timeStamp)
    const key = keyOf(event, reader.isBusy)
    if (key === undefined) return
    const reading = reader.press(key, event.timeStamp)
    const isActivation = key === 'Enter' || key === ' '
    const isText = key.length === 1 || key === 'Backspace'
    // What a press of these does, the button or the form does itself.
    const isForElement =
      isActivation && event.target instanceof Element && event.target.closest('button, a, form') !== null
    if (reading.taken || (isText && !isForElement)) {
      event.preventDefault()
      event.stopPropagation()
    }
    const typed = isForElement ? reading.typed.filter((one) => one !== key) : reading.typed
    act({ ...reading, typed }, event.timeStamp)
  }

  function compose(event: CompositionEvent): void {
    if (!isNotForUs(event) && event.data !== '')
      act(reader.compose(event.data, event.timeStamp), event.timeStamp)
  }

  function act(reading: Reading, at: number): void {
    tell(reading)
    clearTimeout(timer)
    const { gap } = reader
    timer = setTimeout(() => tell(reader.flush(at + gap)), gap)
  }

  function tell({ typed, scanned, isLost }: Reading): void {
    for (const key of typed) onKey?.(key)
    if (scanned !== undefined) onScan(scanned)
    if (isLost) onLost?.()
  }

  addEventListener('keydown', hear, { capture: true })
  addEventListener('compositionend', compose, { capture: true })
  onScopeDispose(() => {
    removeEventListener('keydown', hear, { capture: true })
    removeEventListener('compositionend', compose, { capture: true })
    clearTimeout(timer)
  })
}

/** The key as a reader means it; nothing for a shortcut. */
function keyOf(event: KeyboardEvent, isBusy: boolean): string | undefined {
  if (event.metaKey) return undefined
  // Alt and Ctrl together are AltGr, which makes characters.
  if (event.ctrlKey && !event.altKey) {
    // Line feed and carriage return, as some readers press them.
    return isBusy && /^[jm]$/i.test(event.key) ? 'Enter' : undefined
  }
  if (event.altKey && event.key.length > 1 && !(isBusy && ENDS.has(event.key))) return undefined
  if (event.key === 'Tab' && (event.shiftKey || !isBusy)) return isBusy ? event.key : undefined
  return event.key
}

/** Whether an input method has the key, so that nobody else learns which one it is. */
function isHidden(event: KeyboardEvent): boolean {
  return event.isComposing || event.key === 'Process' || event.key === 'Unidentified'
}

/** Text fields keep their keys, and a question on top has them for itself. */
function isNotForUs({ target }: Event): boolean {
  const isKept =
    target instanceof HTMLElement && target.closest('input:not([data-keys]), textarea, select') !== null
  return isKept || document.querySelector('dialog[open]') !== null
}
