import { defineText } from '@/shared/text'

import type { CameraFault } from './camera'

const cameraZh: Record<CameraFault, string> = {
  insecure: '摄像头只能在 HTTPS 页面或本机打开，请改用 HTTPS 地址',
  refused: '浏览器没有获准使用摄像头。请在地址栏左侧的网站设置中允许摄像头，再点“重试”',
  missing: '没有找到摄像头，请检查连接后再试',
  busy: '摄像头正被其他程序使用，请关闭那个程序后再试',
  failed: '摄像头没能打开，请再试一次',
}

const cameraEn: Record<CameraFault, string> = {
  insecure: 'The camera works only over HTTPS or on this machine. Open this page by its HTTPS address.',
  refused:
    'The browser may not use the camera. Allow it in the site settings beside the address, then try again.',
  missing: 'No camera was found. Check that it is connected, then try again.',
  busy: 'Another program is using the camera. Close it, then try again.',
  failed: 'The camera could not be opened. Try again.',
}

const zh = {
  connecting: '正在连接服务器…',
  connectingHint: '网络恢复后会自动继续',
  lockedTitle: '请输入设备密钥',
  lockedHint: '密钥由管理员在管理后台“设备”中创建，只显示一次。在本机只需输入一次。',
  refusedHint: '本机保存的密钥已失效，请输入新的密钥。',
  key: '设备密钥',
  showKey: '显示密钥',
  keyMissing: '请输入设备密钥',
  keyWrong: '密钥不正确，或已被管理员撤销',
  enter: '保存密钥',
  checking: '正在验证…',
  settings: '设备设置',
  hold: (title: string) => `${title}，长按三秒打开设备设置`,
  kept: '本机已保存设备密钥。',
  notKept: '本机没有保存设备密钥。',
  remove: '移除密钥',
  removeSure: '确定移除？移除后需重新输入密钥才能使用',
  removeYes: '确定移除',
  close: '关闭',
  cameraOpen: '打开摄像头',
  cameraClose: '关闭摄像头',
  cameraStarting: '正在打开摄像头…',
  cameraPicture: '摄像头画面',
  cameraAgain: '重试',
  camera: cameraZh,
}

const en: typeof zh = {
  connecting: 'Connecting to the server…',
  connectingHint: 'This goes on by itself when the network is back.',
  lockedTitle: 'Enter the device key',
  lockedHint:
    'An administrator makes the key in the console under “Devices”; it is shown once. It is entered here once.',
  refusedHint: 'The key kept on this machine is no longer valid. Enter a new one.',
  key: 'Device key',
  showKey: 'Show the key',
  keyMissing: 'Enter the device key',
  keyWrong: 'This key is wrong, or an administrator revoked it',
  enter: 'Save the key',
  checking: 'Checking…',
  settings: 'Device settings',
  hold: (title) => `${title}; hold for three seconds for the device settings`,
  kept: 'A device key is kept on this machine.',
  notKept: 'No device key is kept on this machine.',
  remove: 'Remove the key',
  removeSure: 'Remove it? The key must be entered again before this device can be used.',
  removeYes: 'Yes, remove it',
  close: 'Close',
  cameraOpen: 'Use the camera',
  cameraClose: 'Close the camera',
  cameraStarting: 'Opening the camera…',
  cameraPicture: 'Picture of the camera',
  cameraAgain: 'Try again',
  camera: cameraEn,
}

export const text = defineText({ zh, en })
