/** Logging in, and the page about oneself. */
export const login = ({ wx, models }) => ({
  async onSubmit(i_code, order_no) {
    await models.token.logIn({ i_code, order_no })
    wx.switchTab({ url: '/pages/my/my' })
  },
})

export const me = ({ wx, models }) => ({
  data: { user: null },

  async onLoad() {
    this.setData({ user: await models.user.me() })
  },
  /** What WeChat shares of somebody: a name and a picture, nothing else. */
  async onShareProfile() {
    const { nickName: nickname, avatarUrl: avatar } = (await wx.getUserProfile()).userInfo
    this.setData({ user: await models.user.change({ nickname, avatar }) })
  },
  async onChange(fields) {
    this.setData({ user: await models.user.change(fields) })
  },
  /** The chat logs in by these. */
  chatTicket: () => models.user.sign(),
})
