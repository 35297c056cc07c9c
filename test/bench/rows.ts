import type { BenchMachine } from './bench-machine.ts'
import type { Figure } from './row.ts'
import { besideDownload } from './rows/beside-download.ts'
import { requests } from './rows/requests.ts'
import { download, upload } from './rows/transfer.ts'
import { webSocket } from './rows/web-socket.ts'

/** Some lines of the table that are measured together. */
export interface Row {
  readonly name: string
  readonly summary: string
  run(machine: BenchMachine): Promise<Figure[]>
}

/** In the order in which they run. */
export const rows: readonly Row[] = [requests, download, upload, besideDownload, webSocket]
