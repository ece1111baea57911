/** The member's token, kept until it expires or is refused. */
import { computed, ref } from 'vue'

const STORED = 'yuyue.member'

interface Stored {
  token: string
  /** Milliseconds. */
  expiresAt: number
}

function stored(): string {
  try {
    const found = JSON.parse(localStorage.getItem(STORED) ?? '{}') as Partial<Stored>
    return found.token !== undefined && (found.expiresAt ?? 0) > Date.now() ? found.token : ''
  } catch {
    return ''
  }
}

/** "" while nobody is logged in. */
export const memberToken = ref(stored())

export const isMember = computed(() => memberToken.value !== '')

/** `expiresIn` is in seconds. */
export function keepMember(token: string, expiresIn: number): void {
  memberToken.value = token
  localStorage.setItem(
    STORED,
    JSON.stringify({ token, expiresAt: Date.now() + expiresIn * 1000 } satisfies Stored),
  )
}

export function forgetMember(): void {
  memberToken.value = ''
  localStorage.removeItem(STORED)
}
