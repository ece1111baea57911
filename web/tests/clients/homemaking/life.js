/** What the lives of the mini-program share. */
import { expect } from 'vitest'

/** One pixel. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

/** What somebody chose in `wx.chooseAddress`. */
export const ADDRESS = {
  userName: '张三',
  telNumber: '020-81167888',
  provinceName: '广东省',
  cityName: '广州市',
  countyName: '海珠区',
  detailInfo: '新港中路397号',
  postalCode: '510000',
  nationalCode: '510000',
}

/** What is refused with `code`, and the toast that says so. */
export async function refused(app, action, code) {
  const toasts = app.phone.toasts.length
  const refusal = await action().then(
    () => 'nothing',
    (error) => error.code ?? error,
  )
  expect(refusal).toBe(code)
  return app.phone.toasts.length > toasts ? app.lastToast() : undefined
}

/** The document's Chinese name first, then the field, then what is wrong with it. */
export const labelled = (field) => new RegExp(`^[\\p{Script=Han}（）、]+ ?${field}: \\p{Script=Han}`, 'u')
