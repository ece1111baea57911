/** Paying with WeChat Pay: in WeChat's browser it asks the payer itself, elsewhere a code is scanned. */
import { onUnmounted, ref, type Ref } from 'vue'

import type { ApiError } from '@/api/error'

import type { Payment } from './calls'

interface Bridge {
  invoke: (name: string, parameters: Payment, then: (result: { err_msg: string }) => void) => void
}

declare global {
  interface Window {
    WeixinJSBridge?: Bridge
  }
}

/** Whether this is WeChat's own browser. */
export function isInWechat(): boolean {
  return /MicroMessenger/i.test(navigator.userAgent)
}

/** Whether WeChat has yet to say who this browser's user is. */
export function needsWechat(failure: ApiError | undefined): boolean {
  return failure?.field === 'wechat_code'
}

/** WeChat's page, which comes back to `path` of these pages. */
export function askWechat(path: string): void {
  location.assign(`/auth/wechat/start?next=${encodeURIComponent(`/h5${path}`)}`)
}

function bridge(): Promise<Bridge> {
  return new Promise((resolve) => {
    const found = () => {
      if (window.WeixinJSBridge !== undefined) resolve(window.WeixinJSBridge)
    }
    document.addEventListener('WeixinJSBridgeReady', found, { once: true })
    found()
  })
}

/** Lets WeChat ask the payer; whether the payer agreed. The order is paid when the server says so. */
export async function agreeInWechat(payment: Payment): Promise<boolean> {
  const parameters = Object.fromEntries(Object.entries(payment).filter(([name]) => name !== 'trade_type'))
  const wechat = await bridge()
  return new Promise((resolve) => {
    wechat.invoke('getBrandWCPayRequest', parameters, ({ err_msg }) => {
      resolve(err_msg === 'get_brand_wcpay_request:ok')
    })
  })
}

/** How often it is asked whether an order is paid. */
const ASK_EVERY = 2000

/** Asks until `isOver`, while the page is there. */
export function useUntil(isOver: () => Promise<boolean>): {
  waiting: Readonly<Ref<boolean>>
  start: () => void
} {
  const waiting = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined

  async function look(): Promise<void> {
    // A network that fails for a moment ends no payment.
    if (await isOver().catch(() => false)) waiting.value = false
    if (waiting.value) timer = setTimeout(() => void look(), ASK_EVERY)
  }
  function start(): void {
    clearTimeout(timer)
    waiting.value = true
    timer = setTimeout(() => void look(), ASK_EVERY)
  }
  onUnmounted(() => {
    waiting.value = false
    clearTimeout(timer)
  })
  return { waiting, start }
}
