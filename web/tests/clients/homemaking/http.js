/** The mini-program's one way to the server: the token, the errors that are the same everywhere, the toast. */
export class Refusal extends Error {
  constructor({ error_code, message }) {
    super(message)
    this.code = error_code
  }
}

const NO_TOKEN = 10001
const BAD_TOKEN = 10002

export function createHttp(wx, config) {
  /** The base address ends in a slash, as the document prints it, and the paths begin with one. */
  const addressOf = (path) => `${config.baseUrl}${path}`
  const header = () => ({ token: wx.getStorageSync('token') })

  const send = (options) =>
    new Promise((success, fail) => {
      wx.request({ ...options, url: addressOf(options.url), header: header(), success, fail })
    })

  async function logIn(pair) {
    wx.setStorageSync('pair', pair)
    const { token } = await request({ url: '/v1/token', method: 'POST', data: pair })
    wx.setStorageSync('token', token)
    return token
  }

  async function request(options, isRepeat = false) {
    const { statusCode, data: body } = await send(options)
    if (statusCode < 400) return body.data
    if (body.error_code === NO_TOKEN) wx.navigateTo({ url: '/pages/login/login' })
    else if (body.error_code === BAD_TOKEN && !isRepeat && wx.getStorageSync('pair')) {
      await logIn(wx.getStorageSync('pair'))
      return request(options, true)
    } else wx.showToast({ title: body.message, icon: 'none', duration: 3000 })
    throw new Refusal(body)
  }

  /** One picture; the reply is text. */
  async function upload(filePath, name = 'file') {
    const { statusCode, data } = await new Promise((success, fail) => {
      wx.uploadFile({ url: addressOf('/v1/file'), filePath, name, header: header(), success, fail })
    })
    const body = JSON.parse(data)
    if (statusCode === 201) return body.data[0]
    wx.showToast({ title: body.message, icon: 'none' })
    throw new Refusal(body)
  }

  return { request, upload, logIn }
}
