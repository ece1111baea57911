import { defineText } from '@/shared/text'

const zh = {
  title: '访客自助服务',
  today: (day: string, weekday: string) => `${day} ${weekday}`,
  welcome: '您好，欢迎来访',
  choose: '请选择要办理的事项',
  signIn: '访客签到',
  signInHint: '已预约来访，凭手机号领取通行码',
  signOut: '离开签退',
  signOutHint: '结束来访，离开前请签退',
  appointment: '预约签到',
  appointmentHint: '已预约时段，凭预约编号签到',

  phone: '手机号',
  signInHelp: '请输入预约时登记的手机号，本人或随行人员的均可',
  signOutHelp: '请输入签到时登记的手机号',
  signOutScan: '也可以将二维码对准扫码器',
  phoneMissing: '请输入完整的手机号',
  number: '预约编号',
  numberHelp: '请输入预约成功时得到的编号',
  numberMissing: '请输入预约编号',
  noScanHere: '签到请输入手机号，不用扫码',
  codeLost: '没有读到二维码，请把这台设备的输入法切换为英文后再扫一次',
  submitSignIn: '签到',
  submitSignOut: '签退',
  sending: '正在办理…',
  keypad: '数字键盘',
  backspace: '删除一位',
  clear: '清空',
  home: '返回首页',
  askReception: (refusal: string) => `${refusal}。请核对后再试，或到前台咨询`,

  signedIn: (name: string) => `${name}，签到成功`,
  photograph: (count: number) =>
    count === 1
      ? '请用手机拍下二维码，凭码通过闸机。二维码也会发到登记的手机上'
      : `共 ${count} 人，请各自用手机拍下自己的二维码，凭码通过闸机。二维码也会发到登记的手机上`,
  visitor: '访客',
  companion: '随行人员',
  page: (page: number, pages: number) => `第 ${page} 页，共 ${pages} 页`,
  previous: '上一页',
  next: '下一页',
  done: '完成',
  returns: (seconds: number) => `${seconds} 秒后自动返回`,
  longer: '再看一会儿',

  signedOut: '已签退，再见',
  signedOutMany: (count: number) => `${count} 人已签退，再见`,
  thanks: '感谢来访，请带好随身物品',
  remaining: (count: number) => `同行还有 ${count} 人没有签退`,
  signOutAll: '同行人员一起签退',
  appointmentDone: '签到成功',
  appointmentDoneHint: '请稍候，工作人员会为您办理',
  appointmentAlready: '您已经签到过了',

  stillThere: '还在办理吗？',
  stillThereHint: (seconds: number) => `${seconds} 秒后返回首页，并清除您填写的内容`,
  goOn: '继续办理',
}

const en: typeof zh = {
  title: 'Visitor self-service',
  today: (day, weekday) => `${weekday} ${day}`,
  welcome: 'Welcome',
  choose: 'What would you like to do?',
  signIn: 'Sign in',
  signInHint: 'Visitors with a booking: get your pass by phone number',
  signOut: 'Sign out',
  signOutHint: 'Before you leave the building',
  appointment: 'Appointment',
  appointmentHint: 'Sign in by the number of your appointment',

  phone: 'Phone number',
  signInHelp: 'Enter the phone number of the booking: the visitor’s or a companion’s',
  signOutHelp: 'Enter the phone number you signed in with',
  signOutScan: 'Or hold your QR code to the reader',
  phoneMissing: 'Enter the whole phone number',
  number: 'Appointment number',
  numberHelp: 'Enter the number you got when you booked',
  numberMissing: 'Enter the appointment number',
  noScanHere: 'To sign in, enter your phone number; no code is needed',
  codeLost: 'The code could not be read: switch this device to an English keyboard, and scan again',
  submitSignIn: 'Sign in',
  submitSignOut: 'Sign out',
  sending: 'One moment…',
  keypad: 'Keypad',
  backspace: 'Delete one digit',
  clear: 'Clear',
  home: 'Start over',
  askReception: (refusal) =>
    `${refusal.charAt(0).toUpperCase()}${refusal.slice(1)}. Check it and try again, or ask at the reception.`,

  signedIn: (name) => `${name}, you are signed in`,
  photograph: (count) =>
    count === 1
      ? 'Take a picture of the code: it opens the gate. It is sent to the registered phone, too.'
      : `${count} people: each takes a picture of their own code, which opens the gate. The codes are sent by SMS, too.`,
  visitor: 'Visitor',
  companion: 'Companion',
  page: (page, pages) => `Page ${page} of ${pages}`,
  previous: 'Previous',
  next: 'Next',
  done: 'Done',
  returns: (seconds) => `Returns in ${seconds} s`,
  longer: 'More time',

  signedOut: 'You are signed out. Goodbye!',
  signedOutMany: (count) => `${count} people are signed out. Goodbye!`,
  thanks: 'Thank you for your visit. Please do not forget your belongings.',
  remaining: (count) =>
    count === 1 ? '1 companion is still signed in' : `${count} companions are still signed in`,
  signOutAll: 'Sign out all companions',
  appointmentDone: 'You are signed in',
  appointmentDoneHint: 'Please wait: you will be called',
  appointmentAlready: 'You had signed in before',

  stillThere: 'Are you still there?',
  stillThereHint: (seconds) => `In ${seconds} s this returns to the start and forgets what you entered`,
  goOn: 'Go on',
}

export const text = defineText({ zh, en })
