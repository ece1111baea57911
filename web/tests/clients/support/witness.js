/** Reads every reply over a client's shoulder and holds it against its document. */
import { afterEach, expect } from 'vitest'

/**
 * `tables` are `[method, path, shape of the reply]`, `:id` standing for one part of a path; the first
 * that fits is taken. What none of them fits, and what they find, fails the step that asked for it.
 */
export function createWitness(tables) {
  const rows = tables.map(([method, path, shape]) => ({ method, pattern: patternOf(path), shape }))
  const seen = new Set()
  let faults = []

  afterEach(() => {
    const found = faults
    faults = []
    expect(found, 'replies that are not as documented').toEqual([])
  })

  return {
    /** `path` is without query and repeated slashes. */
    see(method, path, reply) {
      const row = rows.find((row) => row.method === method && row.pattern.test(path))
      const where = `${method} ${path}`
      if (row === undefined) return void faults.push(`${where}: no table of the document has this`)
      seen.add(row)
      faults.push(...row.shape(reply, where))
    },
    /** The tables that no reply was held against. */
    unseen: () => rows.filter((row) => !seen.has(row)).map((row) => `${row.method} ${row.pattern.source}`),
  }
}

function patternOf(path) {
  const escaped = path.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+')
  return new RegExp(`^${escaped}$`)
}
