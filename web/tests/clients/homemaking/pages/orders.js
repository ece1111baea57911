/** Pages of orders and refunds, the same for both sides but for their role. */
export const orderList = ({ models }) => ({
  data: { role: 2, status: null, orders: [], counts: {} },

  async onLoad({ role }) {
    this.setData({ role: Number(role) })
    await this.onTab('')
  },
  async onTab(status) {
    const { role } = this.data
    const found = await models.order.mine({ role, status, page: 1, count: 10 })
    const counts = await models.order.count(role)
    this.setData({ status, orders: found.data, counts })
    return found.data
  },
})

export const order = ({ models }) => ({
  data: { order: null },

  async onLoad({ id }) {
    this.setData({ order: await models.order.one(id) })
  },
  async onAction(action) {
    await models.order.act(this.data.order.id, action)
    await this.onLoad({ id: this.data.order.id })
    return this.data.order.status
  },
})

/** A rating or a request for a refund: words, and pictures that are uploaded one by one. */
export const withPictures = ({ wx, models }) => ({
  data: { orderId: 0, pictures: [] },

  onLoad({ orderId }) {
    this.setData({ orderId })
  },
  async onPictures() {
    const { tempFilePaths } = await wx.chooseImage({ count: 5 })
    const pictures = []
    for (const [index, path] of tempFilePaths.entries()) {
      pictures.push((await models.file.upload(path, String(index))).path)
    }
    this.setData({ pictures })
  },
  onRate(score, content) {
    return models.rating.give({
      order_id: this.data.orderId,
      score,
      content,
      illustration: this.data.pictures,
    })
  },
  onRefund(reason) {
    return models.refund.ask({ order_id: this.data.orderId, reason, illustration: this.data.pictures })
  },
})

export const refundList = ({ models }) => ({
  data: { role: 2, refunds: [], underWay: [] },

  async onLoad({ role }) {
    this.setData({ role: Number(role) })
    await this.onTab('')
  },
  async onTab(status) {
    const { role } = this.data
    const all = await models.refund.mine({ role, status, page: 1, count: 10 })
    const underWay = await models.refund.underWay({ role, page: 1, count: 10 })
    this.setData({ refunds: all.data, underWay: underWay.data })
    return all.data
  },
})

export const refund = ({ models }) => ({
  data: { refund: null },

  async onLoad({ id }) {
    this.setData({ refund: await models.refund.one(id) })
  },
  async onAction(action) {
    await models.refund.act(this.data.refund.id, action)
    await this.onLoad({ id: this.data.refund.id })
    return this.data.refund.status
  },
})
