import type { Line } from './line.ts'
import { costs } from './lines/costs.ts'
import { escalations } from './lines/escalations.ts'
import { fairness } from './lines/fairness.ts'
import { flaps } from './lines/flaps.ts'
import { fuzz } from './lines/fuzz.ts'
import { idleConnections } from './lines/idle-connections.ts'
import { kills } from './lines/kills.ts'
import { largeDatabase } from './lines/large-database.ts'
import { largeInstallation } from './lines/large-installation.ts'
import { manyChanges } from './lines/many-changes.ts'
import { manyHubs } from './lines/many-hubs.ts'
import { mixed } from './lines/mixed.ts'
import { networks } from './lines/networks.ts'
import { nonsense } from './lines/nonsense.ts'
import { outage } from './lines/outage.ts'
import { reconnects } from './lines/reconnects.ts'
import { revocations } from './lines/revocations.ts'
import { slowClients } from './lines/slow-clients.ts'
import { slowReaders } from './lines/slow-readers.ts'
import { stops } from './lines/stops.ts'
import { transportFigures } from './lines/transport-figures.ts'
import { webSockets } from './lines/web-sockets.ts'

/** In the order in which they run; the first alone runs when none is named. */
export const lines: readonly Line[] = [
  mixed,
  slowClients,
  idleConnections,
  slowReaders,
  fairness,
  nonsense,
  escalations,
  fuzz,
  outage,
  flaps,
  reconnects,
  kills,
  networks,
  revocations,
  stops,
  webSockets,
  largeDatabase,
  largeInstallation,
  manyChanges,
  manyHubs,
  transportFigures,
  costs,
]
