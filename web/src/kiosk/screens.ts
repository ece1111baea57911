/** What a kiosk shows. There is one address and no history: nobody goes back to the visitor before. */
import type { components } from '@/api/schema'

export type SignedIn = components['schemas']['VisitSignedIn']

export type Screen =
  | { name: 'start' }
  | { name: 'sign-in' }
  | { name: 'sign-out' }
  | { name: 'appointment' }
  | { name: 'passes'; signedIn: SignedIn }
  | { name: 'signed-out'; by: Leaver; count: number; remaining: number }
  | { name: 'appointment-done'; already: boolean }

/** Who signs out: by phone or by code. */
export type Leaver = { phone: string } | { qrcode: string }

/** Seconds that a screen stays when nobody touches it. A code takes a while to photograph. */
export function stays(screen: Screen): number {
  switch (screen.name) {
    case 'start':
    case 'sign-in':
    case 'sign-out':
    case 'appointment':
      return 60
    case 'passes':
      return 90
    case 'signed-out':
    case 'appointment-done':
      return 25
  }
}

/** Seconds before the end at which somebody who is filling in is asked whether they are still there. */
export const ASKS = 20

/** Whether something is being filled in. */
export function isForm(screen: Screen): boolean {
  return screen.name === 'sign-in' || screen.name === 'sign-out' || screen.name === 'appointment'
}
