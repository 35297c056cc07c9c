import type { BenchMachine } from './bench-machine.ts'
import type { Figure } from './row.ts'
import { answers } from './rows/answers.ts'
import { besideDownload } from './rows/beside-download.ts'
import { browserRequests } from './rows/browser-requests.ts'
import { dashboard } from './rows/dashboard.ts'
import { deciding } from './rows/deciding.ts'
import { devices } from './rows/devices.ts'
import { farAgent } from './rows/far-agent.ts'
import { http2 } from './rows/http2.ts'
import { idleClients } from './rows/idle-clients.ts'
import { latency } from './rows/latency.ts'
import { msh } from './rows/msh.ts'
import { operations } from './rows/operations.ts'
import { page } from './rows/page.ts'
import { peers } from './rows/peers.ts'
import { processes } from './rows/processes.ts'
import { pruning } from './rows/pruning.ts'
import { requests } from './rows/requests.ts'
import { revocation } from './rows/revocation.ts'
import { searches } from './rows/searches.ts'
import { signIns } from './rows/sign-ins.ts'
import { starts } from './rows/starts.ts'
import { steps } from './rows/steps.ts'
import { tokens } from './rows/tokens.ts'
import { download, upload } from './rows/transfer.ts'
import { transforming } from './rows/transforming.ts'
import { webSocket } from './rows/web-socket.ts'

/** Some lines of the table that are measured together. */
export interface Row {
  readonly name: string
  readonly summary: string
  /** What is equal for all that the row compares, and what is not. */
  readonly compares: string
  run(machine: BenchMachine): Promise<Figure[]>
}

/** In the order in which they run. */
export const rows: readonly Row[] = [
  idleClients,
  requests,
  browserRequests,
  latency,
  peers,
  processes,
  tokens,
  devices,
  http2,
  download,
  upload,
  farAgent,
  besideDownload,
  webSocket,
  msh,
  revocation,
  deciding,
  operations,
  steps,
  transforming,
  signIns,
  searches,
  answers,
  pruning,
  starts,
  dashboard,
  page,
]
