import { defineText } from '@/shared/text'

import type { Reason } from './verdict'

interface Refusal {
  reason: string
  advice: string
}

const refusalsZh: Record<Reason, Refusal> = {
  expired: { reason: '通行码已过期', advice: '请到前台重新办理' },
  early: { reason: '还没到通行时间', advice: '预约开始前 30 分钟起可以通行，请稍候' },
  foreign: { reason: '不是有效的通行码', advice: '请出示签到后得到的二维码，或到前台咨询' },
  refused: { reason: '没有通行权限', advice: '请联系前台' },
  lost: { reason: '没有读到二维码', advice: '请把这台设备的输入法切换为英文，再扫一次' },
  trouble: { reason: '暂时无法验证', advice: '请再扫一次；仍然不行，请联系前台' },
}

const refusalsEn: Record<Reason, Refusal> = {
  expired: { reason: 'This pass has expired', advice: 'Please ask at the reception' },
  early: { reason: 'It is too early', advice: 'This pass opens the gate from 30 minutes before the visit' },
  foreign: {
    reason: 'Not a valid pass',
    advice: 'Show the code you got when signing in, or ask at the reception',
  },
  refused: { reason: 'No permission to pass', advice: 'Please ask at the reception' },
  lost: {
    reason: 'The code could not be read',
    advice: 'Switch this device to an English keyboard, and scan again',
  },
  trouble: {
    reason: 'It cannot be checked now',
    advice: 'Scan again; if that does not help, ask at the reception',
  },
}

const zh = {
  title: '闸机验证',
  ready: '请出示二维码',
  readyHint: '将二维码对准扫码器',
  readyCamera: '将二维码放入框内，或对准扫码器',
  checking: '正在验证…',
  paused: '暂停验证',
  pass: '请通行',
  passHint: '验证通过',
  refuse: '不能通行',
  refusals: refusalsZh,
  unreachable: '连不上服务器，请从前台通行。恢复后会自动继续。',
  soundOn: '声音：开',
  soundOff: '声音：关',
  soundAsleep: '点一下屏幕，才有提示音',
}

const en: typeof zh = {
  title: 'Gate',
  ready: 'Show your code',
  readyHint: 'Hold your QR code to the reader',
  readyCamera: 'Hold your QR code into the frame, or to the reader',
  checking: 'Checking…',
  paused: 'Out of service',
  pass: 'Please pass',
  passHint: 'Your code is valid',
  refuse: 'Do not pass',
  refusals: refusalsEn,
  unreachable: 'The server cannot be reached. Please use the reception. This goes on by itself.',
  soundOn: 'Sound: on',
  soundOff: 'Sound: off',
  soundAsleep: 'Touch the screen once to hear the tones',
}

export const text = defineText({ zh, en })
