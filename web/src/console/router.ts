import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'

import type { Role } from '@/api/staff'
import { arriveLater } from '@/shared/arrive'

import { areas } from './areas'
import { text } from './messages'
import { may, recall, session } from './session'

declare module 'vue-router' {
  interface RouteMeta {
    title?: () => string
    role?: Role
  }
}

const pages: RouteRecordRaw[] = areas.flatMap((area) =>
  area.pages.map((page) => ({
    path: `/${page.path}`,
    name: page.path,
    component: page.component as RouteRecordRaw['component'] & object,
    meta: { title: page.title, role: page.role },
  })),
)

export const router = createRouter({
  history: createWebHistory('/console/'),
  routes: [
    {
      path: '/sign-in',
      name: 'sign-in',
      component: () => import('./SignInPage.vue'),
      meta: { title: () => text.value.signIn },
    },
    {
      path: '/',
      component: () => import('./layout/ConsoleLayout.vue'),
      children: [
        ...pages,
        {
          path: '/:anything(.*)*',
          name: 'missing',
          component: () => import('./MissingPage.vue'),
          meta: { title: () => text.value.missing, role: 'auditor' },
        },
      ],
    },
  ],
})

arriveLater(router)
router.beforeEach(async (to) => {
  if (session.person.value === undefined) await recall()
  if (to.name === 'sign-in') return session.person.value === undefined ? true : { path: '/' }
  if (session.person.value === undefined) return { name: 'sign-in', query: { to: to.fullPath } }
  if (session.person.value.mustSetUpTotp && to.name !== 'account') return { name: 'account' }
  if (to.meta.role !== undefined && !may(to.meta.role) && to.name !== 'missing')
    return { name: 'missing', params: {} }
  return true
})

router.afterEach((to) => {
  document.title = [to.meta.title?.(), text.value.product].filter(Boolean).join(' · ')
})
