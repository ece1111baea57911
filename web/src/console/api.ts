import { createApi } from '@/api/http'

import { askPassword, expire } from './session'

/**
 * The typed client of the console. A session that ended asks for the password over the page as it is, and so does
 * what needs a recent login, which is then done.
 */
export const api = createApi({ onUnauthorised: expire, onStepUp: askPassword })
