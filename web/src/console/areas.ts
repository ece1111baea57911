/** The parts of the console, in the menu's order. */
import type { Area } from './area'
import { access } from './pages/access'
import { appointments } from './pages/appointments'
import { dashboard } from './pages/dashboard'
import { homemaking } from './pages/homemaking'
import { members } from './pages/members'
import { operation } from './pages/operation'
import { visitors } from './pages/visitors'

export const areas: Area[] = [dashboard, appointments, visitors, homemaking, members, operation, access]
