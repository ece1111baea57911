/** The fields of a search that say something, trimmed; a date that was cleared is null. */
export function given<Name extends string>(
  fields: Record<Name, string | null>,
): Partial<Record<Name, string>> {
  const said = Object.entries<string | null>(fields)
    .map(([name, value]) => [name, value?.trim() ?? ''] as const)
    .filter(([, value]) => value !== '')
  return Object.fromEntries(said) as Partial<Record<Name, string>>
}
