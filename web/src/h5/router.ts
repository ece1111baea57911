import { watch } from 'vue'
import {
  createRouter,
  createWebHistory,
  type RouteLocation,
  type RouteLocationRaw,
  type RouteRecordRaw,
} from 'vue-router'

import { arriveLater } from '@/shared/arrive'

import { isEnforced, whenReady } from './access'
import { marketRoutes } from './market/routes'
import { isEntered } from './market/session'
import { isMember } from './member/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** A section's first page: the tabs stand below it. */
    tab?: boolean
    /** For members only; `enforced`: only where callers must prove who they are. */
    member?: 'always' | 'enforced'
    /** For users of the marketplace only. */
    market?: boolean
  }
}

const routes: RouteRecordRaw[] = [
  { path: '/', component: () => import('./slots/BookPage.vue'), meta: { tab: true, member: 'enforced' } },
  {
    path: '/appointments',
    component: () => import('./slots/AppointmentsPage.vue'),
    meta: { member: 'enforced' },
  },
  { path: '/visitors', component: () => import('./visitors/VisitorsPage.vue'), meta: { tab: true } },
  { path: '/visitors/apply', component: () => import('./visitors/ApplyPage.vue') },
  { path: '/visitors/records', component: () => import('./visitors/RecordsPage.vue') },
  { path: '/visitors/approvals', component: () => import('./visitors/ApprovalsPage.vue') },
  ...marketRoutes,
  { path: '/me', component: () => import('./member/MePage.vue'), meta: { tab: true } },
  { path: '/login', component: () => import('./member/LoginPage.vue') },
  { path: '/me/profile', component: () => import('./member/ProfilePage.vue'), meta: { member: 'always' } },
  { path: '/me/password', component: () => import('./member/PasswordPage.vue'), meta: { member: 'always' } },
  { path: '/me/points', component: () => import('./member/PointsPage.vue'), meta: { member: 'always' } },
  { path: '/me/shops', component: () => import('./member/ShopsPage.vue'), meta: { member: 'always' } },
  { path: '/:missing(.*)*', component: () => import('./MissingPage.vue') },
]

export const router = createRouter({
  history: createWebHistory('/h5/'),
  routes,
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
})

/** Where one has to go first to see a page, if anywhere. */
function detour({ meta, fullPath }: RouteLocation): RouteLocationRaw | undefined {
  const next = { query: { next: fullPath }, replace: true }
  const needsMember = meta.member === 'always' || (meta.member === 'enforced' && isEnforced())
  if (needsMember && !isMember.value) return { path: '/login', ...next }
  if (meta.market && !isEntered.value) return { path: '/market/enter', ...next }
  return undefined
}

arriveLater(router)
router.beforeEach(async (to) => {
  await whenReady()
  return detour(to) ?? true
})

// A token that is refused takes one there, too, and back afterwards.
watch([isMember, isEntered], () => {
  const to = detour(router.currentRoute.value)
  if (to !== undefined) void router.push(to)
})
