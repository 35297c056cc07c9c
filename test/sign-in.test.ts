import { runTogether } from './together.ts'

/** Tests of ways to sign in that start a hub each, in one process for the reason that `hubs.test.ts` gives. */
await runTogether(import.meta.url, [
  './plugins/local-authority/local-authority.test.ts',
  './plugins/oidc/real-provider.test.ts',
  './plugins/oidc/recheck.test.ts',
  './plugins/oidc/sign-in-test.test.ts',
  './plugins/oidc/sign-in.test.ts',
  './plugins/oidc/whole-hub.test.ts',
  './plugins/sign-in/other-pages.test.ts',
  './plugins/user-certs/user-certs.test.ts',
  './plugins/webauthn/hardware.test.ts',
  './plugins/webauthn/program.test.ts',
  './plugins/webauthn/provider.test.ts',
  './plugins/webauthn/responses.test.ts',
])
