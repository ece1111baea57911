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

/** Of two pictures one is tried inverted: a telephone in dark mode may show a white code on black. */
export async function createDecoder(): Promise<Decoder> {
  const canvas = document.createElement('canvas')
  const context = canvas.getContext('2d', { willReadFrequently: true })
  const read = (await ownReader()) ?? (await plainReader())
  let isInverted = true
  return async (video) => {
    if (context === null || Math.min(video.videoWidth, video.videoHeight) === 0) return undefined
    isInverted = !isInverted
    draw(context, video)
    if (isInverted) invert(context)
    return read(context, isInverted ? context.canvas : video)
  }
}

/** Reads the drawn picture, or `source`, which is the same in all its pixels where it is not inverted. */
type Reader = (picture: CanvasRenderingContext2D, source: CanvasImageSource) => Promise<string | undefined>

async function ownReader(): Promise<Reader | undefined> {
  const Detector = window.BarcodeDetector
  // Some browsers have the interface and no reader behind it.
  const formats = await Detector?.getSupportedFormats().catch((): string[] => [])
  if (Detector === undefined || !formats?.includes('qr_code')) return undefined
  const detector = new Detector({ formats: ['qr_code'] })
  return async (_, source) => {
    const found = await detector.detect(source).catch(() => [])
    return found.find((code) => code.rawValue !== '')?.rawValue
  }
}

async function plainReader(): Promise<Reader> {
  const { default: decodeQR } = await import('qr/decode.js')
  return (picture) => {
    const { width, height } = picture.canvas
    try {
      return Promise.resolve(decodeQR(picture.getImageData(0, 0, width, height)))
    } catch {
      // It throws for every picture that shows no code.
      return Promise.resolve(undefined)
    }
  }
}

/** More pixels make reading slow and find no more codes. */
const SIDE = 640

/** Draws the middle square, as it is shown. */
function draw(context: CanvasRenderingContext2D, video: HTMLVideoElement): void {
  const { canvas } = context
  const seen = Math.min(video.videoWidth, video.videoHeight)
  const side = Math.min(seen, SIDE)
  if (canvas.width !== side) canvas.width = canvas.height = side
  const [left, top] = [(video.videoWidth - seen) / 2, (video.videoHeight - seen) / 2]
  context.drawImage(video, left, top, seen, seen, 0, 0, side, side)
}

function invert(context: CanvasRenderingContext2D): void {
  context.globalCompositeOperation = 'difference'
  context.fillStyle = '#fff'
  context.fillRect(0, 0, context.canvas.width, context.canvas.height)
  context.globalCompositeOperation = 'source-over'
}
