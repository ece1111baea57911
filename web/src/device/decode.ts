/** Reads a QR code from a picture: with the browser's own reader where it has one, else in plain code. */
export type Decoder = (video: HTMLVideoElement) => Promise<string | undefined>

/** What of the Barcode Detection API is used; TypeScript does not know it, nor do most browsers. */
interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>
}
interface DetectorClass {
  new (options: { formats: string[] }): Detector
  getSupportedFormats(): Promise<string[]>
}

declare global {
  interface Window {
    BarcodeDetector?: DetectorClass
  }
}

export async function createDecoder(): Promise<Decoder> {
  return (await ownDecoder()) ?? (await plainDecoder())
}

async function ownDecoder(): Promise<Decoder | undefined> {
  const Detector = window.BarcodeDetector
  // Some browsers have the interface and no reader behind it.
  const formats = await Detector?.getSupportedFormats().catch((): string[] => [])
  if (Detector === undefined || !formats?.includes('qr_code')) return undefined
  const detector = new Detector({ formats: ['qr_code'] })
  return async (video) => {
    const found = await detector.detect(video).catch(() => [])
    return found.find((code) => code.rawValue !== '')?.rawValue
  }
}

/** More pixels make reading slow and find no more codes. */
const SIDE = 640

async function plainDecoder(): Promise<Decoder> {
  const { default: decodeQR } = await import('qr/decode.js')
  const canvas = document.createElement('canvas')
  const context = canvas.getContext('2d', { willReadFrequently: true })
  return async (video) => {
    const seen = Math.min(video.videoWidth, video.videoHeight)
    if (context === null || seen === 0) return undefined
    // The middle square, as it is shown.
    const side = Math.min(seen, SIDE)
    if (canvas.width !== side) canvas.width = canvas.height = side
    context.drawImage(
      video,
      (video.videoWidth - seen) / 2,
      (video.videoHeight - seen) / 2,
      seen,
      seen,
      0,
      0,
      side,
      side,
    )
    try {
      return decodeQR(context.getImageData(0, 0, side, side))
    } catch {
      // It throws for every picture that shows no code.
      return undefined
    }
  }
}
