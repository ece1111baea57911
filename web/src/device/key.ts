/**
 * The device key: entered once, checked, kept by this browser, sent with every call. A server in documented mode
 * asks for none, and neither does one that knows the browser's console session.
 */
import { onScopeDispose, readonly, type Ref, ref } from 'vue'

import { ApiError } from '@/api/error'
import { type Api, createApi } from '@/api/http'

export type DeviceKind = 'kiosk' | 'gate'

/** `asking` until the server answered; `locked` when it wants a key, or another one. */
export type DeviceState = 'asking' | 'ready' | 'locked'

export interface DeviceAccess {
  api: Api
  state: Readonly<Ref<DeviceState>>
  hasKey: Readonly<Ref<boolean>>
  /** Whether the key that is kept was refused: revoked, most likely. */
  wasRefused: Readonly<Ref<boolean>>
  /** Keeps `key` if the server takes it; whether it does. Rejects when no answer came. */
  enter: (key: string) => Promise<boolean>
  remove: () => void
}

/** Milliseconds until an unreachable server is asked again. */
const AGAIN = 3_000

export function useDeviceAccess(kind: DeviceKind): DeviceAccess {
  const stored = `yuyue.${kind}.key`
  const key = ref(localStorage.getItem(stored) ?? '')
  const hasKey = ref(key.value !== '')
  const state = ref<DeviceState>('asking')
  const wasRefused = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined

  const api = createApi({
    credentials: () => headers(key.value),
    onUnauthorised: () => {
      wasRefused.value = key.value !== ''
      state.value = 'locked'
    },
  })

  async function ask(): Promise<void> {
    clearTimeout(timer)
    state.value = 'asking'
    try {
      const isTaken = await isAccepted(key.value)
      wasRefused.value = !isTaken && key.value !== ''
      state.value = isTaken ? 'ready' : 'locked'
    } catch {
      timer = setTimeout(ask, AGAIN)
    }
  }

  function keep(entered: string): void {
    key.value = entered
    hasKey.value = entered !== ''
    if (entered === '') localStorage.removeItem(stored)
    else localStorage.setItem(stored, entered)
  }

  async function enter(entered: string): Promise<boolean> {
    if (!(await isAccepted(entered))) return false
    keep(entered)
    wasRefused.value = false
    state.value = 'ready'
    return true
  }

  function remove(): void {
    keep('')
    void ask()
  }

  onScopeDispose(() => clearTimeout(timer))
  void ask()
  return {
    api,
    state: readonly(state),
    hasKey: readonly(hasKey),
    wasRefused: readonly(wasRefused),
    enter,
    remove,
  }
}

function headers(key: string): Record<string, string> {
  return key === '' ? {} : { 'X-Device-Key': key }
}

/** Asks with a request that does nothing: who may call is told from who may not before the missing code is. */
async function isAccepted(key: string): Promise<boolean> {
  const { response } = await createApi({ credentials: () => headers(key) }).POST('/v1/visit/qrcode', {
    body: {},
  })
  if (response.status >= 500 || response.status === 429) {
    throw new ApiError('', { status: response.status, code: response.status })
  }
  return response.status !== 401 && response.status !== 403
}
