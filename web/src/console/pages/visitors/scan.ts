import { text } from './messages'

const RESULTS = { 0: 'passed', [-209]: 'expired', [-210]: 'early', [-211]: 'unknown' } as const

/** What a gate answered, in words and colour. */
export function scanResult(code: number): { words: string; type: 'success' | 'danger' } {
  const known = Object.entries(RESULTS).find(([number]) => Number(number) === code)?.[1]
  return {
    words: known === undefined ? text.value.code(code) : text.value.results[known],
    type: code === 0 ? 'success' : 'danger',
  }
}
