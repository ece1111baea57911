import { defineText } from '@/shared/text'

const zh = {
  offline: '网络不通，请检查网络后再试',
  timeout: '服务器没有及时回应，请再试一次',
  serverFailed: '服务暂时不可用，请稍后再试',
  pageFailed: '页面出错了，请刷新后再试',
  tooMany: (seconds: number | undefined) =>
    seconds === undefined
      ? '尝试次数过多，请稍后再试'
      : seconds >= 90
        ? `尝试次数过多，请 ${Math.ceil(seconds / 60)} 分钟后再试`
        : `尝试次数过多，请 ${seconds} 秒后再试`,
  refused: (status: number) => `请求没有成功（${status}）`,
}

const en: typeof zh = {
  offline: 'There is no connection. Check the network and try again.',
  timeout: 'The server did not answer in time. Try again.',
  serverFailed: 'The service is not available at the moment. Try again later.',
  pageFailed: 'Something went wrong on this page. Reload it and try again.',
  tooMany: (seconds) =>
    seconds === undefined
      ? 'Too many attempts. Try again later.'
      : seconds >= 90
        ? `Too many attempts. Try again in ${Math.ceil(seconds / 60)} minutes.`
        : `Too many attempts. Try again in ${seconds} seconds.`,
  refused: (status) => `The request failed (${status}).`,
}

export const text = defineText({ zh, en })
