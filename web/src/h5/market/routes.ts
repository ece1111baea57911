import type { RouteRecordRaw } from 'vue-router'

/** The pages of the marketplace; all but the list and the entrance are for its users. */
export const marketRoutes: RouteRecordRaw[] = [
  { path: '/market', component: () => import('./ServicesPage.vue'), meta: { tab: true } },
  { path: '/market/enter', component: () => import('./EnterPage.vue') },
  ...[
    { path: 'services/new', component: () => import('./PublishPage.vue') },
    { path: 'services/:id(\\d+)', component: () => import('./ServicePage.vue') },
    { path: 'services/:id(\\d+)/edit', component: () => import('./PublishPage.vue') },
    { path: 'services/:id(\\d+)/order', component: () => import('./PlaceOrderPage.vue') },
    { path: 'mine', component: () => import('./MinePage.vue') },
    { path: 'mine/profile', component: () => import('./UserPage.vue') },
    { path: 'mine/services', component: () => import('./MyServicesPage.vue') },
    { path: 'orders', component: () => import('./OrdersPage.vue') },
    { path: 'orders/:id(\\d+)', component: () => import('./OrderPage.vue') },
    { path: 'orders/:id(\\d+)/refund', component: () => import('./AskRefundPage.vue') },
    { path: 'orders/:id(\\d+)/rate', component: () => import('./RatePage.vue') },
    { path: 'refunds', component: () => import('./RefundsPage.vue') },
    { path: 'refunds/:id(\\d+)', component: () => import('./RefundPage.vue') },
  ].map((route): RouteRecordRaw => ({ ...route, path: `/market/${route.path}`, meta: { market: true } })),
]
