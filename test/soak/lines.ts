import type { Line } from './line.ts'
import { flaps } from './lines/flaps.ts'
import { mixed } from './lines/mixed.ts'
import { outage } from './lines/outage.ts'
import { reconnects } from './lines/reconnects.ts'
import { webSockets } from './lines/web-sockets.ts'

/** In the order in which they run; the first alone runs when none is named. */
export const lines: readonly Line[] = [mixed, outage, flaps, reconnects, webSockets]
