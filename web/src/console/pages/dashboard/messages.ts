import { defineText } from '@/shared/text'

const zh = {
  dashboard: '今日概览',
  of: (day: string) => `${day} 的数据`,
  appointments: '今日预约',
  signIns: '今日签到',
  visits: '今日来访',
  onSite: '在场访客',
  orders: '未完成订单',
  refunds: '未完成退款',
  appeals: '待处理申诉',
  waiting: '待发送消息',
  givenUp: '发送失败消息',
  budget: (percent: number) =>
    `今日消息额度已用 ${percent}%。用完后，陌生人不再收到验证码等消息，已有帐号的用户仍有保留额度。`,
  live: '实时签到',
  connected: '实时连接正常',
  disconnected: '实时连接已断开，正在重连',
  noneYet: '还没有新的签到',
  sound: '提示音',
  signedIn: (name: string) => `${name} 已签到`,
  appointment: (id: number) => `预约 ${id}`,
  byHour: '今日各时段',
  lastDays: '最近 30 天',
  booked: '预约',
  attended: '签到',
  arrived: '来访',
  capacity: '容量',
  hour: (hour: number) => `${hour} 点`,
  hourChart: (booked: number, attended: number) =>
    `今日各小时的预约和签到，共预约 ${booked}，签到 ${attended}`,
  dayChart: (booked: number, visits: number) =>
    `最近 30 天每天的预约、签到和来访，共预约 ${booked}，来访 ${visits}`,
  noHours: '今天不开放预约，也没有预约',
  asTable: '以表格显示',
  date: '日期',
  time: '时间',
}

const en: typeof zh = {
  dashboard: 'Today',
  of: (day) => `Numbers of ${day}`,
  appointments: 'Appointments today',
  signIns: 'Sign-ins today',
  visits: 'Visits today',
  onSite: 'Visitors on site',
  orders: 'Open orders',
  refunds: 'Open refunds',
  appeals: 'Appeals waiting',
  waiting: 'Messages waiting',
  givenUp: 'Messages given up',
  budget: (percent) =>
    `${percent} % of today's message budget is used. When it is used up, strangers get no codes or other messages; half of it is kept for people with an account.`,
  live: 'Live sign-ins',
  connected: 'Live connection works',
  disconnected: 'Live connection lost, trying again',
  noneYet: 'No new sign-in yet',
  sound: 'Sound',
  signedIn: (name) => `${name} has signed in`,
  appointment: (id) => `Appointment ${id}`,
  byHour: 'Today by the hour',
  lastDays: 'The last 30 days',
  booked: 'Appointments',
  attended: 'Signed in',
  arrived: 'Visits',
  capacity: 'Capacity',
  hour: (hour) => `${hour}:00`,
  hourChart: (booked, attended) =>
    `Appointments and sign-ins of today by the hour: ${booked} appointments, ${attended} signed in`,
  dayChart: (booked, visits) =>
    `Appointments, sign-ins and visits of the last 30 days: ${booked} appointments, ${visits} visits`,
  noHours: 'No slots and no appointments today',
  asTable: 'Show as a table',
  date: 'Day',
  time: 'Time',
}

export const text = defineText({ zh, en })
