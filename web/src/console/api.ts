import { createApi } from '@/api/http'

import { expire } from './session'

/** The typed client of the console. A session that ended asks for the password over the page as it is. */
export const api = createApi({ onUnauthorised: expire })
