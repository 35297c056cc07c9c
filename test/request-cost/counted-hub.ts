/** A hub whose work is counted. The first argument is its configuration, as JSON. Its first message is a `StartedHub`. */
import './exact-counts.ts'
import { createTestHub } from '../../core/testing/index.ts'

export interface StartedHub {
  readonly url: string
  readonly signInUrl: string
  /** Origin of the app `bench`. */
  readonly appUrl: string
  readonly ca: string
  readonly dataDir: string
}

const hub = await createTestHub({ config: JSON.parse(process.argv[2] ?? '{}') })
const { url, signInUrl, ca, dataDir } = hub
process.on('SIGTERM', () => void hub.stop().then(() => process.exit(0)))
process.on('disconnect', () => process.exit(0))
process.send?.({ url, signInUrl, ca, dataDir, appUrl: hub.appUrl('bench') } satisfies StartedHub)
