/** The mini-program on somebody's phone. */
import { createPhone, openPage } from '../support/wx'
import { createHttp } from './http'
import { createModels } from './models'

export function createApp(baseUrl, witness) {
  const { wx, phone } = createPhone(witness)
  const models = createModels(createHttp(wx, { baseUrl }))
  const app = { wx, phone, models }

  return Object.assign(app, {
    /** Every start asks what the stored token is still worth; "" before the first login. */
    async onLaunch() {
      const { valid } = await models.token.verify(wx.getStorageSync('token'))
      return valid
    },
    async open(page, options = {}) {
      const opened = openPage(page(app))
      await opened.onLoad?.(options)
      return opened
    },
    lastToast: () => phone.toasts.at(-1),
  })
}
