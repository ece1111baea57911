import { defineText } from '@/shared/text'

import { en } from './en'
import { zh } from './zh'

/** Texts of the console as a whole; each area has its own beside its pages. */
export const text = defineText({ zh, en })
