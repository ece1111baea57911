/** What the audit log's actions are called; one without a name is shown as it is. */
import { defineText } from '@/shared/text'

const zh: Record<string, string> = {
  'api_key.add': '添加 API 密钥',
  'api_key.delete': '删除 API 密钥',
  'appointment.cancel': '取消预约',
  'blocklist.add': '加入黑名单',
  'blocklist.remove': '移出黑名单',
  'brand.add': '新增品牌',
  'device.add': '添加设备',
  'device.delete': '删除设备',
  'enrolment.add': '发放家政凭证',
  'enrolment.remove': '收回家政凭证',
  'member.points': '变更积分',
  'member.test': '登记测试',
  'message.resend': '重发消息',
  'schedule.replace': '修改排班',
  'session.end': '退出登录',
  'session.start': '登录',
  'shop.add': '新增门店',
  'staff.add': '添加员工',
  'staff.change': '修改员工',
  'visit.authorise': '授权来访',
  'visit.delete': '删除来访记录',
  'visit.refuse': '拒绝来访',
  'visitors.servers': '修改服务器设置',
  'visitors.templates': '修改消息模板',
  'visits.erase': '清除个人信息',
}

const en: typeof zh = {
  'api_key.add': 'API key added',
  'api_key.delete': 'API key deleted',
  'appointment.cancel': 'Appointment cancelled',
  'blocklist.add': 'Blocked',
  'blocklist.remove': 'Unblocked',
  'brand.add': 'Brand added',
  'device.add': 'Device added',
  'device.delete': 'Device deleted',
  'enrolment.add': 'Enrolment issued',
  'enrolment.remove': 'Enrolment revoked',
  'member.points': 'Points changed',
  'member.test': 'Test recorded',
  'message.resend': 'Message sent again',
  'schedule.replace': 'Schedule changed',
  'session.end': 'Signed out',
  'session.start': 'Signed in',
  'shop.add': 'Shop added',
  'staff.add': 'Staff added',
  'staff.change': 'Staff changed',
  'visit.authorise': 'Visit authorised',
  'visit.delete': 'Visit deleted',
  'visit.refuse': 'Visit refused',
  'visitors.servers': 'Servers changed',
  'visitors.templates': 'Templates changed',
  'visits.erase': 'Personal data erased',
}

const names = defineText({ zh, en })

/** In words, "" for one without. */
export function nameOf(action: string): string {
  return names.value[action] ?? ''
}
