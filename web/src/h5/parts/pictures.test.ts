import { expect, test } from 'vitest'

import { mayShow } from './pictures'

test('only what the content policy lets through is asked for', () => {
  const own = 'http://127.0.0.1:8080'
  for (const good of ['/avatar/a.jpg', `${own}/homemaking/storage/a.png`, 'https://thirdwx.qlogo.cn/a/132']) {
    expect(mayShow(good, own), good).toBe(true)
  }
  for (const bad of [
    '',
    'http://elsewhere.test/a.png',
    'javascript:alert(1)',
    'http://',
    'data:image/png;base64,',
  ]) {
    expect(mayShow(bad, own), bad).toBe(false)
  }
})
