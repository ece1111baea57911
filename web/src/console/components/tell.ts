import { ElMessage } from 'element-plus'
import { type Ref, watch } from 'vue'

import type { ApiError } from '@/api/error'

/** Says that something was done. */
export function tell(message: string): void {
  ElMessage.success(message)
}

/** Says why something failed that has no form where it could stand. */
export function tellFailure(
  failure: Readonly<Ref<ApiError | undefined>>,
  then: () => void = () => undefined,
): void {
  watch(failure, (error) => {
    if (error === undefined) return
    ElMessage({ type: 'error', message: error.message, duration: 8_000, showClose: true })
    then()
  })
}
