import { Setting } from '@element-plus/icons-vue'

import type { Area } from '../../area'
import { text } from './messages'

export const operation: Area = {
  title: () => text.value.area,
  icon: Setting,
  pages: [
    {
      path: 'messages',
      title: () => text.value.messages,
      role: 'auditor',
      component: () => import('./MessagesPage.vue'),
    },
    {
      path: 'devices',
      title: () => text.value.devices,
      role: 'auditor',
      component: () => import('./DevicesPage.vue'),
    },
  ],
}
