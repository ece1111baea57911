/** What a part of the console is made of. Each folder of `pages/` exports one. */
import type { Component } from 'vue'

import type { Role } from '@/api/staff'

export interface Page {
  /** Below `/console/`; also the page's name. */
  path: string
  /** In the language of the pages. */
  title: () => string
  /** Who sees it. */
  role: Role
  component: () => Promise<unknown>
  /** Absent from the menu, such as the details of one thing. */
  hidden?: boolean
}

export interface Area {
  /** The menu's heading; an area of one page needs none. */
  title?: () => string
  icon: Component
  pages: Page[]
}
