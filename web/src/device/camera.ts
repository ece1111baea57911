/** Scanning by camera. */
import { onScopeDispose, readonly, type Ref, ref, type ShallowRef } from 'vue'

import { createDecoder, type Decoder } from './decode'

/** Why there is no picture: `insecure` (neither HTTPS nor this machine), `refused`, `missing`, `busy`, `failed`. */
export type CameraFault = 'insecure' | 'refused' | 'missing' | 'busy' | 'failed'
export type CameraState = 'off' | 'starting' | 'on' | CameraFault

export interface Camera {
  state: Readonly<Ref<CameraState>>
  start: () => Promise<void>
  stop: () => void
}

/** Milliseconds between two looks. */
const PAUSE = 120

/** Shows the camera in `video` and calls `onText` for each code in each picture, until the scope ends. */
export function useCamera(
  video: Readonly<ShallowRef<HTMLVideoElement | null>>,
  onText: (text: string) => void,
): Camera {
  const state = ref<CameraState>('off')
  let stream: MediaStream | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Counts starts and stops: what belongs to an earlier one is void. */
  let turn = 0

  async function start(): Promise<void> {
    end()
    const mine = turn
    state.value = 'starting'
    try {
      const opened = await open()
      if (mine !== turn) return close(opened)
      stream = opened
      opened.getVideoTracks()[0]?.addEventListener('ended', () => mine === turn && fail('missing'))
      const decode = await createDecoder()
      const element = video.value
      if (mine !== turn || element === null) return
      element.srcObject = opened
      await element.play()
      if (mine !== turn) return
      state.value = 'on'
      look(element, decode, mine)
    } catch (error) {
      if (mine === turn) fail(faultOf(error))
    }
  }

  function look(element: HTMLVideoElement, decode: Decoder, mine: number): void {
    timer = setTimeout(async () => {
      const text = document.hidden ? undefined : await decode(element)
      if (mine !== turn) return
      if (text !== undefined && text !== '') onText(text)
      look(element, decode, mine)
    }, PAUSE)
  }

  function end(): void {
    turn += 1
    clearTimeout(timer)
    close(stream)
    stream = undefined
    if (video.value) video.value.srcObject = null
  }

  function fail(fault: CameraFault): void {
    end()
    state.value = fault
  }

  function stop(): void {
    end()
    state.value = 'off'
  }

  onScopeDispose(end)
  return { state: readonly(state), start, stop }
}

class Insecure extends Error {}

async function open(): Promise<MediaStream> {
  // Absent where the page came over plain HTTP from another machine.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (devices === undefined) throw new Insecure()
  return devices.getUserMedia({
    audio: false,
    video: { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 720 } },
  })
}

function close(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

/** What a person can do something about. */
export function faultOf(error: unknown): CameraFault {
  if (error instanceof Insecure) return 'insecure'
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused'
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing'
    case 'NotReadableError':
    case 'AbortError':
      return 'busy'
    default:
      return 'failed'
  }
}
