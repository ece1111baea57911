/** Sign-ins as they happen, over the WebSocket; a lost connection is taken up again without a gap. */
import { onScopeDispose, readonly, type Ref, ref } from 'vue'

export interface SignInEvent {
  appointment_id: number
  event_type: string
  event_id: number
}

const FIRST_PAUSE = 1_000
const LONGEST_PAUSE = 30_000

export interface Live {
  /** Whether events arrive at the moment. */
  connected: Readonly<Ref<boolean>>
  close: () => void
}

/**
 * Calls `onSignIn` for each sign-in from now on, until the scope ends. `onConnect` hears of each connection:
 * whoever shows numbers loads them then.
 */
export function useSignIns(
  onSignIn: (event: SignInEvent) => void,
  onConnect: () => void = () => undefined,
): Live {
  const connected = ref(false)
  let socket: WebSocket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let pause = FIRST_PAUSE
  /** The last event seen. Before the first, an id beyond all asks for what comes from now on. */
  let last: number | undefined
  let ended = false

  function connect(): void {
    const url = new URL('/ws/signin-notify', location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    url.searchParams.set('after', String(last ?? Number.MAX_SAFE_INTEGER))
    socket = new WebSocket(url)
    socket.onopen = () => {
      connected.value = true
      pause = FIRST_PAUSE
      onConnect()
    }
    socket.onmessage = (message) => {
      const event = signInOf(message.data)
      if (event === undefined || event.event_id <= (last ?? 0)) return
      last = event.event_id
      onSignIn(event)
    }
    socket.onclose = () => {
      connected.value = false
      if (ended) return
      timer = setTimeout(connect, pause)
      pause = Math.min(pause * 2, LONGEST_PAUSE)
    }
  }

  function again(): void {
    if (connected.value || ended) return
    clearTimeout(timer)
    socket?.close()
    pause = FIRST_PAUSE
    connect()
  }

  function close(): void {
    ended = true
    clearTimeout(timer)
    removeEventListener('online', again)
    socket?.close()
  }

  addEventListener('online', again)
  onScopeDispose(close)
  connect()
  return { connected: readonly(connected), close }
}

/** The event of a frame, if it is one. */
export function signInOf(data: unknown): SignInEvent | undefined {
  if (typeof data !== 'string') return undefined
  try {
    const event: unknown = JSON.parse(data)
    if (typeof event !== 'object' || event === null) return undefined
    const { appointment_id, event_type, event_id } = event as Partial<SignInEvent>
    if (typeof appointment_id !== 'number' || typeof event_type !== 'string') return undefined
    return { appointment_id, event_type, event_id: event_id ?? 0 }
  } catch {
    return undefined
  }
}
