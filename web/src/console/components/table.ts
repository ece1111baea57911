/** A column of a `DataTable`, and of the file that it saves. */
export interface TableColumn<Row> {
  /** Also the name of the slot that shows the cell in another way. */
  key: string
  title: string
  /** What the cell says, in the table and in the file. */
  value: (row: Row) => string | number
  /** Numbers stand on the right. */
  numeric?: boolean
  /** Long text breaks into lines; other cells stay on one. */
  wraps?: boolean
  /** Shown, but no part of the file. */
  onlyShown?: boolean
  /** Part of the file, but not shown. */
  onlyFiled?: boolean
}

/** A page of rows, as a list of the API gives it. */
export interface RowPage<Row> {
  items: Row[]
  total: number
}

/** What a page can ask of its `DataTable`. */
export interface TableHandle {
  /** The same page again, as after a change. */
  reload: () => Promise<void>
  /** The first page, as after new conditions. */
  search: () => Promise<void>
}
