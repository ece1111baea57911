import { House } from '@element-plus/icons-vue'

import type { Area } from '../../area'
import { text } from './messages'

export const homemaking: Area = {
  title: () => text.value.area,
  icon: House,
  pages: [
    {
      path: 'services',
      title: () => text.value.services,
      role: 'auditor',
      component: () => import('./ServicesPage.vue'),
    },
    {
      path: 'ratings',
      title: () => text.value.ratings,
      role: 'auditor',
      component: () => import('./RatingsPage.vue'),
    },
    {
      path: 'orders',
      title: () => text.value.orders,
      role: 'auditor',
      component: () => import('./OrdersPage.vue'),
    },
    {
      path: 'refunds',
      title: () => text.value.refunds,
      role: 'auditor',
      component: () => import('./RefundsPage.vue'),
    },
    {
      path: 'payments',
      title: () => text.value.payments,
      role: 'auditor',
      component: () => import('./PaymentsPage.vue'),
    },
    {
      path: 'ledger',
      title: () => text.value.ledger,
      role: 'auditor',
      component: () => import('./LedgerPage.vue'),
    },
    {
      path: 'enrolments',
      title: () => text.value.enrolments,
      role: 'auditor',
      component: () => import('./EnrolmentsPage.vue'),
    },
  ],
}
