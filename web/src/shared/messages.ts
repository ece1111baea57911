import { defineText } from './text'

const zh = {
  offline: '网络已断开，恢复后会自动继续',
  qrCode: (what: string) => `二维码：${what}`,
  weekdays: ['周一', '周二', '周三', '周四', '周五', '周六', '周日'],
  switchLanguage: 'English',
}

const en: typeof zh = {
  offline: 'You are offline. Work goes on when the connection is back.',
  qrCode: (what) => `QR code: ${what}`,
  weekdays: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'],
  switchLanguage: '中文',
}

export const text = defineText({ zh, en })
