/** The token of the marketplace, which is not the member's: it is had for a course code and an order number. */
import { computed, ref } from 'vue'

const STORED = 'yuyue.market'

/** "" while there is none. */
export const marketToken = ref(localStorage.getItem(STORED) ?? '')

export const isEntered = computed(() => marketToken.value !== '')

export function keepToken(token: string): void {
  marketToken.value = token
  localStorage.setItem(STORED, token)
}

export function forgetToken(): void {
  marketToken.value = ''
  localStorage.removeItem(STORED)
}
