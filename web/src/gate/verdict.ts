/** What a gate shows for an answer. */
import { ApiError } from '@/api/error'

/**
 * `early`, `expired` and `foreign` are the server's refusals; with `trouble` nobody knows, so the gate stays shut;
 * `lost` is a code that did not come as far as this page.
 */
export type Reason = 'early' | 'expired' | 'foreign' | 'refused' | 'trouble' | 'lost'

export type Verdict = { passes: true } | { passes: false; reason: Reason; words: string }

const REASONS = new Map<number | string, Reason>([
  [-209, 'expired'],
  [-210, 'early'],
  [-211, 'foreign'],
])

export const PASS: Verdict = { passes: true }
export const LOST: Verdict = { passes: false, reason: 'lost', words: '' }

/** Milliseconds that a verdict stands. A refusal has more to read. */
export function lasts(verdict: Verdict): number {
  return verdict.passes ? 3_000 : 6_000
}

/** The verdict of a call that did not succeed. */
export function refusalOf(error: unknown): Verdict {
  if (!(error instanceof ApiError) || error.isUnsure || error.status === 429) {
    return { passes: false, reason: 'trouble', words: error instanceof ApiError ? error.message : '' }
  }
  return { passes: false, reason: REASONS.get(error.code) ?? 'refused', words: error.message }
}

/**
 * A camera sees a code many times a second: it is read once, until it has been out of sight for a while. A reader's
 * code that comes twice in a moment is one scan too.
 */
export class Repeats {
  #text = ''
  #seenAt = -Infinity

  constructor(private readonly away: number) {}

  isNew(text: string, at: number): boolean {
    const isNew = text !== this.#text || at - this.#seenAt > this.away
    this.#text = text
    this.#seenAt = at
    return isNew
  }
}
