import { ElMessageBox } from 'element-plus'

import { text } from '../messages'

/** Asks before something that cannot be undone; whether the person agreed. */
export async function ask(question: string, agree: string = text.value.confirm): Promise<boolean> {
  try {
    await ElMessageBox.confirm(question, '', {
      type: 'warning',
      confirmButtonText: agree,
      cancelButtonText: text.value.cancel,
      autofocus: true,
    })
    return true
  } catch {
    return false
  }
}
