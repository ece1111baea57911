/** The server under test, and what stands around it: the operator, the messages, the clock. */
import { afterAll, beforeAll, expect, vi } from 'vitest'

import { startDemo } from '../../browser/support/demo'

/** Every client has a demo to itself. `settings` are environment variables. */
export function useDemo(settings = {}) {
  const demo = { url: '' }
  let stop
  beforeAll(async () => {
    const started = await startDemo(settings)
    demo.url = started.url
    stop = started.stop
  })
  afterAll(() => stop?.())
  return demo
}

/** The operator, by the staff API. */
export function createOperator(demo) {
  let token
  const call = async (method, path, body) => {
    const answer = await fetch(`${demo.url}/admin/v1${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    })
    const reply = await answer.text()
    expect(answer.ok, `${method} ${path}: ${answer.status} ${reply}`).toBe(true)
    return reply === '' ? undefined : JSON.parse(reply)
  }
  return async (method, path, body) => {
    const login = { username: 'admin', password: 'demo-admin' }
    token ??= (await call('POST', '/session', login)).token
    return call(method, path, body)
  }
}

/** The newest message to a phone that `fits`: messages are on their way for a moment. */
export function messageTo(demo, phone, fits = () => true) {
  return vi.waitFor(
    async () => {
      const answer = await fetch(`${demo.url}/demo/messages?phone=${phone}`)
      const found = (await answer.json()).find(fits)
      expect(found, `a message to ${phone}`).toBeDefined()
      return found
    },
    { timeout: 15_000, interval: 100 },
  )
}

/** A day as the documents write it, counted from today in the server's zone. */
export function dayAfter(days) {
  const at = new Date(Date.now() + days * 86_400_000)
  return at.toLocaleDateString('sv-SE', { timeZone: 'Asia/Shanghai' })
}
