/** Numbers that are keyed in. */
import { cleanPhone as undress } from '@/shared/typed'

/** The shortest and the longest phone that visitors may have. */
const LEAST = 5
const MOST = 20

/** What a phone may consist of: digits, and a plus in front. */
export function cleanPhone(text: string): string {
  const typed = undress(text)
  return (typed.startsWith('+') ? '+' : '') + typed.replace(/\D/g, '')
}

export function isPhone(phone: string): boolean {
  const { length } = phone.replace('+', '')
  return length >= LEAST && length <= MOST
}

/** `138 1111 1111` for a mainland mobile, as far as it has come; other numbers as they are. */
export function showPhone(phone: string): string {
  if (!/^1([3-9]\d{0,9})?$/.test(phone)) return phone
  return [phone.slice(0, 3), phone.slice(3, 7), phone.slice(7)].filter((part) => part !== '').join(' ')
}

/** `138****1111`: others may be looking. */
export function maskPhone(phone: string): string {
  if (phone.length < 7) return phone.slice(0, 1) + '*'.repeat(Math.max(0, phone.length - 2)) + phone.slice(-1)
  return phone.slice(0, 3) + '*'.repeat(phone.length - 7) + phone.slice(-4)
}

/** The digits of an appointment's number. */
export function cleanNumber(text: string): string {
  return text.normalize('NFKC').replace(/\D/g, '').replace(/^0+/, '')
}

/** Whether it may be an appointment's number; 15 digits are all that JavaScript has exactly. */
export function isNumber(number: string): boolean {
  return /^\d{1,15}$/.test(number)
}
