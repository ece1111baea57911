import { User } from '@element-plus/icons-vue'

import type { Area } from '../../area'
import { text } from './messages'

export const members: Area = {
  title: () => text.value.area,
  icon: User,
  pages: [
    {
      path: 'members',
      title: () => text.value.members,
      role: 'auditor',
      component: () => import('./MembersPage.vue'),
    },
    {
      path: 'shops',
      title: () => text.value.shops,
      role: 'auditor',
      component: () => import('./ShopsPage.vue'),
    },
    {
      path: 'brands',
      title: () => text.value.brands,
      role: 'auditor',
      component: () => import('./BrandsPage.vue'),
    },
  ],
}
