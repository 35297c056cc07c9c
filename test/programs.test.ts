import { runTogether } from './together.ts'

/** Tests of the authorization server that start a hub each, in one process for the reason that `hubs.test.ts` gives. */
await runTogether(import.meta.url, [
  './plugins/authorization-server/absent.test.ts',
  './plugins/authorization-server/app-sign-in.test.ts',
  './plugins/authorization-server/bot-tokens.test.ts',
  './plugins/authorization-server/browser.test.ts',
  './plugins/authorization-server/client-metadata.test.ts',
  './plugins/authorization-server/git.test.ts',
  './plugins/authorization-server/key-rotation.test.ts',
  './plugins/authorization-server/mcp.test.ts',
  './plugins/authorization-server/package-programs.test.ts',
  './plugins/authorization-server/programs.test.ts',
  './plugins/authorization-server/refusals.test.ts',
  './plugins/authorization-server/sign-in-programs.test.ts',
  './plugins/authorization-server/strangers.test.ts',
])
