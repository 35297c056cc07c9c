import { runTogether } from './together.ts'

/** Tests of protocols and transports, in one process for the reason that `hubs.test.ts` gives. */
await runTogether(import.meta.url, [
  './plugins/http-apps/http2.test.ts',
  './plugins/http-apps/body-transforms.test.ts',
  './plugins/http-apps/lane.test.ts',
  './plugins/http-apps/refusals.test.ts',
  './plugins/tcp-apps/endings.test.ts',
  './plugins/transport-websocket/transport.test.ts',
])
