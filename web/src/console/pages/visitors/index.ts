import { OfficeBuilding } from '@element-plus/icons-vue'

import type { Area } from '../../area'
import { text } from './messages'

export const visitors: Area = {
  title: () => text.value.area,
  icon: OfficeBuilding,
  pages: [
    {
      path: 'visits',
      title: () => text.value.visits,
      role: 'auditor',
      component: () => import('./VisitsPage.vue'),
    },
    {
      path: 'on-site',
      title: () => text.value.onSite,
      role: 'auditor',
      component: () => import('./OnSitePage.vue'),
    },
    {
      path: 'evacuation',
      title: () => text.value.evacuation,
      role: 'auditor',
      component: () => import('./EvacuationPage.vue'),
      hidden: true,
    },
    {
      path: 'scans',
      title: () => text.value.scans,
      role: 'auditor',
      component: () => import('./ScansPage.vue'),
    },
    {
      path: 'blocklist',
      title: () => text.value.blocklist,
      role: 'auditor',
      component: () => import('./BlocklistPage.vue'),
    },
    {
      path: 'visitor-servers',
      title: () => text.value.servers,
      role: 'auditor',
      component: () => import('./ServersPage.vue'),
    },
    {
      path: 'visitor-templates',
      title: () => text.value.templates,
      role: 'auditor',
      component: () => import('./TemplatesPage.vue'),
    },
    {
      path: 'erase',
      title: () => text.value.erase,
      role: 'admin',
      component: () => import('./ErasePage.vue'),
    },
  ],
}
