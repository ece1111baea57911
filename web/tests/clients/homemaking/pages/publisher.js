/** Pages of who offers something: the form, and what was published. */
export const publish = ({ wx, models }) => ({
  data: {
    id: 0,
    form: {
      type: 1,
      title: '',
      category_id: 1,
      cover_image_id: 0,
      // What a switch gives.
      designated_place: false,
      description: '',
      begin_date: '',
      end_date: '',
      price: '',
    },
    cover: '',
  },

  async onLoad({ id = 0 }) {
    if (id === 0) return
    const service = await models.service.one(id)
    const form = Object.fromEntries(Object.keys(this.data.form).map((name) => [name, service[name]]))
    form.category_id = service.category.id
    form.cover_image_id = service.cover_image.id
    form.designated_place = service.designated_place === 1
    this.setData({ id, form: JSON.parse(JSON.stringify(form)), cover: service.cover_image.path })
  },
  onInput(name, value) {
    this.setData({ form: { ...this.data.form, [name]: value } })
  },
  async onCover() {
    const { tempFilePaths } = await wx.chooseImage({ count: 1 })
    const picture = await models.file.upload(tempFilePaths[0], 'cover')
    this.setData({ cover: picture.path })
    this.onInput('cover_image_id', picture.id)
    return picture
  },
  async onSubmit() {
    const { id, form } = this.data
    if (id !== 0) return models.service.edit(id, form)
    const { service_id } = await models.service.create(form)
    wx.switchTab({ url: '/pages/mine/mine' })
    return service_id
  },
})

/** Status of a tab: "" is all of them. */
export const myServices = ({ models }) => ({
  data: { type: 1, status: '', services: [], total: 0, counts: {} },

  onLoad() {
    return this.onTab('')
  },
  async onTab(status) {
    const { type } = this.data
    const found = await models.service.mine({ type, status, page: 1, count: 10 })
    const counts = await models.service.count(type)
    this.setData({ status, services: found.data, total: found.total, counts })
    return found.data
  },
  async onAction(id, action) {
    await models.service.act(id, action)
    return this.onTab(this.data.status)
  },
})
