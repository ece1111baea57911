import { expect, expectAccessible, expectNoOverflow, shoot, test } from './support/test'

// The inline script that must be refused, and what says who one is.
test.use({ allowed: ['Content Security Policy', '/admin/v1/session'] })

test('the first page leads to the applications', async ({ page }) => {
  await page.goto('/')
  for (const [name, path] of [
    ['管理后台', '/console/'],
    ['手机页面', '/h5/'],
    ['前台签到', '/kiosk/'],
    ['闸机验证', '/gate/'],
  ] as const) {
    await expect(page.getByRole('link', { name })).toHaveAttribute('href', path)
  }
  await expectAccessible(page)
  await expectNoOverflow(page)
  await shoot(page, 'home')
})

test('a page forbids what it does not need', async ({ page }) => {
  const answer = await page.goto('/console/sign-in')
  const policy = (await answer?.headerValue('content-security-policy')) ?? ''
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';")
  const refused = await page.evaluate(async () => {
    const script = document.createElement('script')
    const heard = new Promise<string>((resolve) =>
      document.addEventListener('securitypolicyviolation', (event) => resolve(event.violatedDirective), {
        once: true,
      }),
    )
    script.textContent = 'window.name = "run"'
    document.head.append(script)
    return [await heard, window.name]
  })
  expect(refused).toEqual(['script-src-elem', ''])
})

for (const app of ['console', 'h5', 'kiosk', 'gate']) {
  test(`${app} opens, also without its last slash`, async ({ page }) => {
    await page.goto(`/${app}`)
    await expect(page).toHaveURL(new RegExp(`/${app}/`))
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  })
}
