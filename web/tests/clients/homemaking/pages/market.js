/** Pages that a guest sees too: the home page and a service. */
const COUNT = 4

export const home = ({ models }) => ({
  data: { tabs: [], categoryId: 0, type: 0, services: [], page: 1, lastPage: 1 },

  async onLoad() {
    const categories = await models.category.list()
    this.setData({ tabs: [{ id: 0, name: '全部' }, ...categories] })
    await this.show(1)
  },
  async show(page) {
    const { categoryId, type } = this.data
    const found = await models.service.list({ category_id: categoryId, type, page, count: COUNT })
    const before = page === 1 ? [] : this.data.services
    this.setData({
      services: [...before, ...found.data],
      page: found.current_page,
      lastPage: found.last_page,
    })
    return found
  },
  onTab(categoryId) {
    this.setData({ categoryId })
    return this.show(1)
  },
  onType(type) {
    this.setData({ type })
    return this.show(1)
  },
  async onReachBottom() {
    if (this.data.page >= this.data.lastPage) return false
    await this.show(this.data.page + 1)
    return true
  },
})

export const detail = ({ wx, models }) => ({
  data: { service: null, ratings: [], canCall: false },

  async onLoad({ id }) {
    const service = await models.service.one(id)
    const ratings = await models.rating.ofService({ service_id: id, page: 1, count: COUNT })
    this.setData({ service, ratings: ratings.data, canCall: service.publisher.tel !== null })
  },
  /** Where the service is to be done is asked of the phone, if the service asks for it. */
  async onOrder() {
    const { id, designated_place } = this.data.service
    const address = designated_place === 1 ? await wx.chooseAddress() : undefined
    const { order_id } = await models.order.create(id, address)
    wx.navigateTo({ url: `/pages/order/order?id=${order_id}` })
    return order_id
  },
})
