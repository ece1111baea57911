import { Calendar } from '@element-plus/icons-vue'

import type { Area } from '../../area'
import { text } from './messages'

export const appointments: Area = {
  title: () => text.value.area,
  icon: Calendar,
  pages: [
    {
      path: 'calendar',
      title: () => text.value.calendar,
      role: 'auditor',
      component: () => import('./CalendarPage.vue'),
    },
    {
      path: 'appointments',
      title: () => text.value.search,
      role: 'auditor',
      component: () => import('./SearchPage.vue'),
    },
    {
      path: 'schedule',
      title: () => text.value.schedule,
      role: 'auditor',
      component: () => import('./SchedulePage.vue'),
    },
  ],
}
