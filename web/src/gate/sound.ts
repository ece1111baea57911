/** What is heard of a verdict, made here: two rising tones to pass, two low ones not to. */
import { onScopeDispose, readonly, type Ref, ref, watch } from 'vue'

const STORED = 'yuyue.gate.sound'

export interface Sound {
  isOn: Ref<boolean>
  /** Whether the browser lets the page be heard: none does before the page was touched. */
  isReady: Readonly<Ref<boolean>>
  play: (passes: boolean) => void
}

interface Tone {
  pitch: number
  from: number
  length: number
}

export const TONES: Record<'pass' | 'refuse', Tone[]> = {
  pass: [
    { pitch: 880, from: 0, length: 0.14 },
    { pitch: 1_318.5, from: 0.14, length: 0.28 },
  ],
  refuse: [
    { pitch: 196, from: 0, length: 0.25 },
    { pitch: 147, from: 0.32, length: 0.45 },
  ],
}

export function useSound(): Sound {
  const isOn = ref(localStorage.getItem(STORED) !== 'off')
  const isReady = ref(false)
  let context: AudioContext | undefined

  /** Made at the first touch or key: made earlier, it would be mute and the browser would say so. */
  async function wake(): Promise<void> {
    context ??= new AudioContext()
    if (context.state === 'suspended') await context.resume()
    isReady.value = context.state === 'running'
  }

  function play(passes: boolean): void {
    if (!isOn.value || context === undefined) return
    for (const tone of TONES[passes ? 'pass' : 'refuse']) sound(context, tone, passes ? 'sine' : 'square')
  }

  const onTouch = () => void wake()
  const touches = ['pointerup', 'keydown'] as const
  for (const touch of touches) addEventListener(touch, onTouch, { capture: true })
  onScopeDispose(() => {
    for (const touch of touches) removeEventListener(touch, onTouch, { capture: true })
    void context?.close()
  })
  watch(isOn, (on) => localStorage.setItem(STORED, on ? 'on' : 'off'))
  if (navigator.userActivation?.hasBeenActive) void wake()
  return { isOn, isReady: readonly(isReady), play }
}

function sound(context: AudioContext, tone: Tone, shape: OscillatorType): void {
  const oscillator = context.createOscillator()
  const loudness = context.createGain()
  const from = context.currentTime + tone.from
  oscillator.type = shape
  oscillator.frequency.value = tone.pitch
  loudness.gain.setValueAtTime(shape === 'square' ? 0.15 : 0.35, from)
  loudness.gain.exponentialRampToValueAtTime(0.001, from + tone.length)
  oscillator.connect(loudness).connect(context.destination)
  oscillator.start(from)
  oscillator.stop(from + tone.length)
}
