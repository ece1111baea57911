import { Lock } from '@element-plus/icons-vue'

import type { Area } from '../../area'
import { text as common } from '../../messages'
import { text } from './messages'

export const access: Area = {
  title: () => text.value.area,
  icon: Lock,
  pages: [
    {
      path: 'account',
      title: () => common.value.ownAccount,
      role: 'auditor',
      component: () => import('./OwnAccountPage.vue'),
    },
    {
      path: 'staff',
      title: () => text.value.staff,
      role: 'auditor',
      component: () => import('./StaffPage.vue'),
    },
    {
      path: 'api-keys',
      title: () => text.value.keys,
      role: 'auditor',
      component: () => import('./KeysPage.vue'),
    },
    {
      path: 'audit',
      title: () => text.value.audit,
      role: 'auditor',
      component: () => import('./AuditPage.vue'),
    },
  ],
}
