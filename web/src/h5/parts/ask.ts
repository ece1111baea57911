import { showConfirmDialog, showToast } from 'vant'
import 'vant/es/dialog/style'
import 'vant/es/toast/style'

import { text } from '../messages'

/** Asks before something that cannot be taken back. */
export async function ask(question: string): Promise<boolean> {
  const { confirm, cancel } = text.value
  const words = { message: question, confirmButtonText: confirm, cancelButtonText: cancel }
  return showConfirmDialog(words).then(
    () => true,
    () => false,
  )
}

/** Says in passing that something was done. */
export function tell(what: string): void {
  showToast({ message: what, position: 'bottom' })
}
