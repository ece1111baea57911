/**
 * Codes from a reader that poses as a keyboard: it types faster than people and ends with Enter, wherever the focus
 * is. What people type comes through a moment later.
 */
import { onScopeDispose } from 'vue'

/** Milliseconds between two keys of one burst. */
export const GAP = 80
/** The same within what begins as our codes do: nobody types a brace, and radio readers falter. */
export const LONG_GAP = 500
/** Shorter bursts are somebody's fingers. */
export const LEAST = 8

export interface Reading {
  /** Keys that people pressed, in order. */
  typed: string[]
  scanned?: string
  /** The key belongs to a reader: nothing else may act on it. */
  taken: boolean
}

/** Tells a reader's keys from people's. */
export class KeyReader {
  #held = ''
  #last = -Infinity
  #scannedAt = -Infinity

  press(key: string, at: number): Reading {
    const typed = this.flush(at)
    const isBurst = this.#held !== ''
    this.#last = at
    if (key.length === 1) {
      this.#held += key
      return { typed, taken: isBurst }
    }
    const held = this.#held
    this.#held = ''
    if (key === 'Enter' && held.length >= LEAST) {
      this.#scannedAt = at
      return { typed, scanned: held, taken: true }
    }
    // Readers that end with CR and LF press Enter twice.
    if (key === 'Enter' && held === '' && at - this.#scannedAt < GAP) return { typed, taken: true }
    return { typed: [...typed, ...held, key], taken: false }
  }

  /** How long the next key of a burst may take. */
  get gap(): number {
    return this.#held.startsWith('{') ? LONG_GAP : GAP
  }

  /** What turned out to be typed by `at`. A long burst without its Enter is a reading that broke off. */
  flush(at: number): string[] {
    if (this.#held === '' || at - this.#last < this.gap) return []
    const held = this.#held
    this.#held = ''
    return held.length < LEAST ? [...held] : []
  }
}

export interface KeyHandlers {
  onScan: (text: string) => void
  /** Keys that people pressed, by their names in `KeyboardEvent.key`. */
  onKey?: (key: string) => void
}

/** Listens anywhere on the page until the scope ends. Text fields keep their keys unless they carry `data-keys`. */
export function useKeys({ onScan, onKey }: KeyHandlers): void {
  const reader = new KeyReader()
  let timer: ReturnType<typeof setTimeout> | undefined

  function hear(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || keepsItsKeys(event.target))
      return
    // A question on top has the keys for itself.
    if (document.querySelector('dialog[open]') !== null) return
    // Shift comes on its own before each capital.
    if (event.key === 'Shift' || event.key === 'CapsLock') return
    const reading = reader.press(event.key, event.timeStamp)
    const isActivation = event.key === 'Enter' || event.key === ' '
    const isText = event.key.length === 1 || event.key === 'Backspace'
    // What a press of these does, the button or the form does itself.
    const isForElement =
      isActivation && event.target instanceof Element && event.target.closest('button, a, form') !== null
    if (reading.taken || (isText && !isForElement)) {
      event.preventDefault()
      event.stopPropagation()
    }
    deliver(isForElement ? reading.typed.filter((key) => key !== event.key) : reading.typed)
    if (reading.scanned !== undefined) onScan(reading.scanned)
    clearTimeout(timer)
    const { gap } = reader
    timer = setTimeout(() => deliver(reader.flush(event.timeStamp + gap)), gap)
  }

  function deliver(keys: string[]): void {
    for (const key of keys) onKey?.(key)
  }

  addEventListener('keydown', hear, { capture: true })
  onScopeDispose(() => {
    removeEventListener('keydown', hear, { capture: true })
    clearTimeout(timer)
  })
}

function keepsItsKeys(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input:not([data-keys]), textarea, select') !== null
}
