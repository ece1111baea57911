/** The tests' own `test`: a demo for each worker, and a page that must not complain. */
import AxeBuilder from '@axe-core/playwright'
import { type APIRequestContext, expect, type Page, test as base } from '@playwright/test'

import { type Demo, startDemo } from './demo'

interface Fixtures {
  /** Parts of messages that a page may log, such as the answer to a wrong password. */
  allowed: string[]
}

export const test = base.extend<Fixtures, { demo: Demo }>({
  demo: [
    // Playwright tells fixtures by their destructured first argument.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const demo = await startDemo()
      await use(demo)
      await demo.stop()
    },
    { scope: 'worker', timeout: 90_000 },
  ],
  baseURL: ({ demo }, use) => use(demo.url),
  allowed: [[], { option: true }],
  page: async ({ page, allowed }, use) => {
    const complaints: string[] = []
    watch(page, complaints)
    await use(page)
    expect(complaints.filter((complaint) => !allowed.some((part) => complaint.includes(part)))).toEqual([])
  },
})

export { expect }

/** Notes errors and warnings of a page; the content policy's refusals are among them. */
export function watch(page: Page, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(`${error}`))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      complaints.push(`${message.text()} (${message.location().url})`)
    }
  })
}

export const WIDTHS = [390, 768, 1440] as const

/** Nothing fades or moves any more: colours have their contrast only at the end. */
async function settle(page: Page): Promise<void> {
  await expect(page.locator('[class*="-enter-active"], [class*="-leave-active"]')).toHaveCount(0)
  await page.evaluate(() => {
    const ending = (animation: Animation) => animation.effect?.getComputedTiming().endTime !== Infinity
    const animations = document.getAnimations().filter(ending)
    return Promise.allSettled(animations.map((animation) => animation.finished))
  })
}

/** Nothing for axe to object to, under WCAG 2.1 A and AA. */
export async function expectAccessible(page: Page): Promise<void> {
  await settle(page)
  const found = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
    .analyze()
  const told = found.violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')} ${node.failureSummary ?? ''}`),
  )
  expect(told).toEqual([])
}

/** The page is no wider than the window: only parts of it may scroll sideways. */
export async function expectNoOverflow(page: Page): Promise<void> {
  const beyond = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  )
  expect(beyond, 'the page scrolls sideways').toBeLessThanOrEqual(0)
}

/** Into web/screenshots, which is not committed. */
export async function shoot(page: Page, name: string): Promise<void> {
  const width = page.viewportSize()?.width ?? 0
  await page.screenshot({ path: `screenshots/${name}-${width}.png`, fullPage: true, animations: 'disabled' })
}

/** Signs the browser in, past the page. */
export async function signInStaff(
  page: Page,
  demo: Demo,
  username = 'admin',
  password = 'demo-admin',
): Promise<void> {
  const answer = await page.request.post(`${demo.url}/admin/v1/session`, { data: { username, password } })
  expect(answer.status()).toBe(200)
}

/** The JSON that an endpoint answers; anything but success fails the test. */
export async function call(
  request: APIRequestContext,
  demo: Demo,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  data?: unknown,
  headers: Record<string, string> = {},
): Promise<unknown> {
  const answer = await request.fetch(`${demo.url}${path}`, {
    method,
    headers: { Origin: demo.url, ...headers },
    ...(data === undefined ? {} : { data }),
  })
  expect(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`).toBe(true)
  return answer.status() === 204 ? undefined : ((await answer.json()) as unknown)
}
