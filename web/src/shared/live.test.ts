import { expect, test } from 'vitest'

import { signInOf } from './live'

test('a frame is an event or nothing', () => {
  expect(signInOf('{"appointment_id":12,"event_type":"1","event_id":3}')).toEqual({
    appointment_id: 12,
    event_type: '1',
    event_id: 3,
  })
  expect(signInOf('{"appointment_id":12,"event_type":"1"}')?.event_id).toBe(0)
  for (const frame of ['', 'null', '[]', '{"appointment_id":"12"}', new Blob()]) {
    expect(signInOf(frame)).toBeUndefined()
  }
})
