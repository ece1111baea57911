/** Files for spreadsheets, made from what a table shows. */
export interface Column<Row> {
  title: string
  value: (row: Row) => string | number
}

/** RFC 4180. */
export function toCsv<Row>(columns: Column<Row>[], rows: readonly Row[]): string {
  const lines = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => column.value(row))),
  ]
  return lines.map((line) => line.map(cell).join(',') + '\r\n').join('')
}

/** Text that a spreadsheet would compute stays text: names come from strangers. Numbers are ours. */
function cell(value: string | number): string {
  if (typeof value === 'number') return String(value)
  const safe = /^[=+\-@＝＋－＠\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The mark by which Excel knows UTF-8. */
const MARK = '\uFEFF'

/** The bytes of a CSV file. A reply that was read as text has lost its mark. */
export function csvFile(csv: string): Blob {
  const marked = csv.startsWith(MARK) ? csv : MARK + csv
  return new Blob([marked], { type: 'text/csv;charset=utf-8' })
}

/** Hands a file to the browser. */
export function save(name: string, content: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  // Revoked at once, some browsers save nothing.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** What of a list is read at most for a file. */
const MOST_ROWS = 100_000
const PAGE = 100

/** Every row of a list, page by page; `onProgress` hears from 0 to 1. */
export async function everyRow<Row>(
  load: (page: number, size: number) => Promise<{ items: Row[]; total: number }>,
  onProgress: (part: number) => void = () => undefined,
): Promise<Row[]> {
  const rows: Row[] = []
  for (let page = 1; ; page += 1) {
    const { items, total } = await load(page, PAGE)
    rows.push(...items)
    onProgress(total === 0 ? 1 : Math.min(1, rows.length / Math.min(total, MOST_ROWS)))
    if (items.length < PAGE || rows.length >= Math.min(total, MOST_ROWS)) return rows
  }
}
