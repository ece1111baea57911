/** What an entry of the audit log changed, field by field. */
export interface Change {
  field: string
  /** As JSON; nothing where there was no such field. */
  before: string | undefined
  after: string | undefined
  differs: boolean
}

/** As the API has it: an object, or null. */
export type Fields = Record<string, unknown> | null | undefined

/** The fields of both sides, those that differ first. */
export function changesOf(before: Fields, after: Fields): Change[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
  const changes = names.map((field) => {
    const [was, is] = [show(before?.[field]), show(after?.[field])]
    return { field, before: was, after: is, differs: was !== is }
  })
  return [...changes.filter((change) => change.differs), ...changes.filter((change) => !change.differs)]
}

function show(value: unknown): string | undefined {
  if (value === undefined) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value, null, 1)
}

/** The fields that differ, on one line: `status: booked → cancelled`. */
export function summaryOf(before: Fields, after: Fields): string {
  const differing = changesOf(before, after).filter((change) => change.differs)
  return differing
    .map(({ field, before: was, after: is }) => `${field}: ${[was, is].filter(isSaid).join(' → ')}`)
    .join(', ')
}

function isSaid(value: string | undefined): boolean {
  return value !== undefined
}
