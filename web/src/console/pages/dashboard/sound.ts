/** The sound at a sign-in: two short tones, made here, so that there is no file to load. */
import { ref, watch } from 'vue'

const STORED = 'yuyue.sound'

/** Whether sign-ins are heard on this machine. */
export const isSoundOn = ref(localStorage.getItem(STORED) !== 'off')
watch(isSoundOn, (on) => localStorage.setItem(STORED, on ? 'on' : 'off'))

const TONES = [880, 1_174.7]
const LENGTH = 0.16

let context: AudioContext | undefined

/** Plays it, unless it is switched off. Browsers play nothing before the page was touched. */
export function chime(): void {
  if (!isSoundOn.value) return
  context ??= new AudioContext()
  const { currentTime, destination } = context
  TONES.forEach((pitch, at) => {
    if (context === undefined) return
    const tone = context.createOscillator()
    const loudness = context.createGain()
    const from = currentTime + at * LENGTH
    tone.frequency.value = pitch
    loudness.gain.setValueAtTime(0.2, from)
    loudness.gain.exponentialRampToValueAtTime(0.001, from + LENGTH)
    tone.connect(loudness).connect(destination)
    tone.start(from)
    tone.stop(from + LENGTH)
  })
}
