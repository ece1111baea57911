/** One object for each chapter of the document. */
export function createModels({ request, upload, logIn }) {
  const get = (url, data) => request({ url, data })
  const post = (url, data) => request({ url, method: 'POST', data })
  const put = (url, data) => request({ url, method: 'PUT', data })

  return {
    token: { logIn, verify: (token) => post('/v1/token/verify', { token }) },
    category: { list: () => get('/v1/category') },
    service: {
      list: (query) => get('/v1/service/list', query),
      create: (form) => post('/v1/service', form),
      mine: (query) => get('/v1/service/my', query),
      count: (type) => get('/v1/service/count', { type }),
      one: (id) => get(`/v1/service/${id}`),
      act: (id, action) => post(`/v1/service/${id}`, { action }),
      edit: (id, form) => put(`/v1/service/${id}`, form),
    },
    order: {
      count: (role) => get('/v1/order/count', { role }),
      mine: (query) => get('/v1/order/my', query),
      create: (service_id, address) => post('/v1/order', { service_id, address }),
      act: (id, action) => post(`/v1/order/${id}`, { action }),
      one: (id) => get(`/v1/order/${id}`),
    },
    refund: {
      ask: (form) => post('/v1/refund', form),
      mine: (query) => get('/v1/refund', query),
      underWay: (query) => get('/v1/refund/process', query),
      act: (id, action) => post(`/v1/refund/${id}`, { action }),
      one: (id) => get(`/v1/refund/${id}`),
    },
    rating: {
      give: (form) => post('/v1/rating', form),
      ofOrder: (order_id) => get('/v1/rating/order', { order_id }),
      ofService: (query) => get('/v1/rating/service', query),
    },
    user: {
      me: () => get('/v1/user'),
      change: (fields) => put('/v1/user', fields),
      sign: () => get('/v1/user/sign'),
    },
    file: { upload },
  }
}
