import { defineText } from '@/shared/text'

import { en } from './messages/en'
import { zh } from './messages/zh'

export const text = defineText({ zh, en })
