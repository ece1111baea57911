/** The evacuation list: who is to be looked for, by the department they visit. */
import type { components } from '@/api/schema'

export type OnSite = components['schemas']['OnSite']

export interface Group {
  /** "" when it is not known. */
  department: string
  people: OnSite[]
}

/** Tells people apart: one visit may have two of one name. */
export function keyOf(person: OnSite): string {
  return [person.id, person.role, person.phone, person.name].join(' ')
}

const byName = new Intl.Collator('zh-CN')

/** By department, the unknown one last; in each those of one visit together. */
export function grouped(people: readonly OnSite[]): Group[] {
  const groups = new Map<string, OnSite[]>()
  for (const person of people) {
    const group = groups.get(person.department)
    if (group === undefined) groups.set(person.department, [person])
    else group.push(person)
  }
  const rank = (role: string) => (role === 'visitor' ? 0 : 1)
  return [...groups]
    .map(([department, group]) => ({
      department,
      people: [...group].sort(
        (one, other) =>
          byName.compare(one.interviewee, other.interviewee) ||
          one.id - other.id ||
          rank(one.role) - rank(other.role) ||
          byName.compare(one.name, other.name),
      ),
    }))
    .sort((one, other) => {
      if (one.department === '' || other.department === '') return one.department === '' ? 1 : -1
      return byName.compare(one.department, other.department)
    })
}
