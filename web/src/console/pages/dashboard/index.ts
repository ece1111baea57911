import { Odometer } from '@element-plus/icons-vue'

import type { Area } from '../../area'
import { text } from './messages'

export const dashboard: Area = {
  icon: Odometer,
  pages: [
    {
      path: '',
      title: () => text.value.dashboard,
      role: 'auditor',
      component: () => import('./DashboardPage.vue'),
    },
  ],
}
