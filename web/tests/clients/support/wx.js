/**
 * A phone with WeChat: the part of `wx` that mini-programs of this kind use, with the semantics of WeChat's own
 * documentation. `wx.request` succeeds whatever the status, turns the data of a GET into a query, keeps no cookies.
 */

/**
 * `witness` sees every answer. What the user sees and has is on `phone`: toasts, the pages that were opened, the
 * pictures of the album, the address to choose and the profile to share.
 */
export function createPhone(witness) {
  const phone = { toasts: [], pages: [], album: [], address: {}, profile: {}, sent: [] }
  const storage = new Map()
  const temporary = new Map()

  const see = (method, url, statusCode, data) => {
    phone.sent.push({ method, url, statusCode })
    witness.see(method, pathOf(url), { statusCode, data })
  }
  const settle = (asking, { success, fail, complete }) => {
    asking.then(
      (result) => (success?.(result), complete?.(result)),
      (error) => (fail?.({ errMsg: `request:fail ${error.message}` }), complete?.(error)),
    )
  }

  const wx = {
    request({ url, method = 'GET', data, header = {}, ...callbacks }) {
      const asking = exchange({ url, method, data, header }).then((result) => {
        see(method, url, result.statusCode, result.data)
        return result
      })
      settle(asking, callbacks)
    },

    uploadFile({ url, filePath, name, header = {}, formData = {}, ...callbacks }) {
      const uploading = upload({ url, name, header, formData, file: temporary.get(filePath), filePath })
      const told = uploading.then((result) => {
        see('POST', url, result.statusCode, jsonOr(result.data))
        return result
      })
      settle(told, callbacks)
    },

    getStorageSync: (key) => (storage.has(key) ? JSON.parse(storage.get(key)) : ''),
    setStorageSync: (key, value) => void storage.set(key, JSON.stringify(value)),
    removeStorageSync: (key) => void storage.delete(key),

    showToast({ title }) {
      if (typeof title !== 'string') throw new TypeError('showToast: parameter.title should be String')
      phone.toasts.push(title)
    },
    navigateTo: ({ url }) => void phone.pages.push(url),
    switchTab: ({ url }) => void phone.pages.push(url),

    async chooseImage({ count = 9 } = {}) {
      const tempFilePaths = phone.album.slice(0, count).map(({ name, bytes }, index) => {
        const path = `http://tmp/${temporary.size}${index}${name}`
        temporary.set(path, bytes)
        return path
      })
      return { errMsg: 'chooseImage:ok', tempFilePaths }
    },
    chooseAddress: async () => ({ errMsg: 'chooseAddress:ok', ...phone.address }),
    getUserProfile: async () => ({ errMsg: 'getUserProfile:ok', userInfo: phone.profile }),
  }
  return { wx, phone }
}

/** What `Page({…})` makes of its options: a page that is open. Undefined is no data for one. */
export function openPage(options) {
  const { data = {}, ...methods } = options
  return {
    ...methods,
    data: structuredClone(data),
    setData(patch) {
      for (const [name, value] of Object.entries(patch)) {
        if (value === undefined) throw new TypeError(`Setting data field "${name}" to undefined is invalid`)
        this.data[name] = structuredClone(value)
      }
    },
  }
}

async function exchange({ url, method, data, header }) {
  const given = Object.entries(header).map(([name, value]) => [name.toLowerCase(), String(value)])
  const headers = { 'content-type': 'application/json', ...Object.fromEntries(given) }
  const answer =
    method === 'GET'
      ? await fetch(withQuery(url, data), { headers })
      : await fetch(url, { method, headers, body: bodyOf(data) })
  return {
    errMsg: 'request:ok',
    statusCode: answer.status,
    header: Object.fromEntries(answer.headers),
    cookies: [],
    data: jsonOr(await answer.text()),
  }
}

async function upload({ url, name, header, formData, file, filePath }) {
  const form = new FormData()
  for (const [key, value] of Object.entries(formData)) form.append(key, String(value))
  const fileName = filePath.slice(filePath.lastIndexOf('/') + 1)
  form.append(name, new Blob([file], { type: 'image/jpeg' }), fileName)
  const answer = await fetch(url, { method: 'POST', headers: header, body: form })
  return { errMsg: 'uploadFile:ok', statusCode: answer.status, data: await answer.text() }
}

/** `undefined` is left out, all else is written as text: null as "null". */
function withQuery(url, data) {
  const pairs = Object.entries(data ?? {}).filter(([, value]) => value !== undefined)
  if (pairs.length === 0) return url
  const query = pairs.map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  )
  return url + (url.includes('?') ? '&' : '?') + query.join('&')
}

function bodyOf(data) {
  if (data === undefined || data === null) return undefined
  return typeof data === 'string' ? data : JSON.stringify(data)
}

function jsonOr(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The path that the server is asked for, with its slashes as one. */
function pathOf(url) {
  return new URL(url).pathname.replace(/\/{2,}/g, '/')
}
