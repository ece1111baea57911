import { defineText } from '@/shared/text'

const zh = {
  sections: '栏目',
  tabs: { slots: '预约', visitors: '访客', market: '家政', me: '我的' },
  back: '返回',
  loading: '加载中…',
  retry: '重试',
  more: '加载更多',
  noMore: '没有更多了',
  optional: '（选填）',
  confirm: '确定',
  cancel: '取消',
  required: '请填写',
  choose: '请选择',
  badMobile: '请填写 11 位手机号',
  badPhone: '请填写 5 至 20 位电话号码',
  missing: '没有这个页面',
  home: '回到首页',
}

const en: typeof zh = {
  sections: 'Sections',
  tabs: { slots: 'Book', visitors: 'Visits', market: 'Services', me: 'Me' },
  back: 'Back',
  loading: 'Loading…',
  retry: 'Try again',
  more: 'Show more',
  noMore: 'That is all',
  optional: ' (optional)',
  confirm: 'OK',
  cancel: 'Cancel',
  required: 'This is needed',
  choose: 'Choose one',
  badMobile: 'An 11-digit mobile number is needed',
  badPhone: 'A phone number of 5 to 20 digits is needed',
  missing: 'There is no such page',
  home: 'To the start',
}

export const text = defineText({ zh, en })
