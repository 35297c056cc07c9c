/**
 * Every error code of the project with its general next step, used where the error itself gives none.
 * A code is `MEZ_<NOUN>_<PROBLEM>` and never changes its meaning. CONTRIBUTING.md says how to add one.
 */
export const errorCodes = {
  MEZ_USAGE_WRONG: 'Run the command with --help to see what it takes.',
  MEZ_CONFIG_INVALID: 'Correct the listed keys; `mezhub config schema` prints what is allowed.',
  MEZ_CONFIG_UNREADABLE: 'Check the path and the permissions of the file.',
  MEZ_PLUGIN_NOT_FOUND: 'Install the package, or correct the name or path under `plugins:`.',
  MEZ_PLUGIN_SIDE: 'Name the plugin in the configuration of the other program, or export the missing half.',
  MEZ_PLUGIN_HANGS: 'Move what the module awaits at its top level into a tap of lifecycle.start.',
  MEZ_PLUGIN_DEPENDENCY:
    'Install the dependencies of the plugin, for example with npm install in its folder.',
  MEZ_PLUGIN_BROKEN: 'Ask the author of the plugin, or set it to false under `plugins:`.',
  MEZ_PLUGIN_INVALID: 'The module must default-export what defineHubPlugin or defineAgentPlugin returns.',
  MEZ_PLUGIN_API: 'Install a version of the plugin for this version of Mezite.',
  MEZ_PLUGIN_TWICE: 'Name the plugin once under `plugins:`.',
  MEZ_PLUGIN_CYCLE: 'One of the plugins must stop needing the other.',
  MEZ_PLUGIN_UNSAFE:
    'Let nobody but root and the user of this program own or write the plugin and the folders above it.',
  MEZ_TAP_INVALID: 'A tap is a function and the options `stage` (early, normal, late) and `pure`.',
  MEZ_RUNTIME_UNSAFE:
    'Start with a supported Node.js (`npm ci` brings one along) and without --inspect, or leave `strict_runtime` out to be warned only.',
  MEZ_SETUP_FAILED: 'The cause names what the plugin could not set up.',
  MEZ_SETUP_OVER: 'Tap hooks and provide services inside setup(), synchronously.',
  MEZ_SERVICE_MISSING: 'Add a plugin that provides the service.',
  MEZ_SERVICE_TWICE: 'Set one of the providers to false under `plugins:`.',
  MEZ_SERVICE_UNPROVIDED: 'A plugin must hand over in setup() every service that it declares in `provides`.',
  MEZ_PART_INVALID: 'What a plugin provides must be what the reference promises; ask its author.',
  MEZ_START_FAILED: 'The cause names what the plugin could not start.',
  MEZ_HOOK_FAILED: 'The cause is the error that the plugin threw.',
  MEZ_HOOK_TIMEOUT: 'The plugin did not answer in time; look at its log lines.',
  MEZ_PORT_UNAVAILABLE: 'Stop the other program on the port, or choose another address.',
  MEZ_CERTIFICATE_INVALID: 'Give a PEM certificate chain and the private key of its first certificate.',
  MEZ_CERTIFICATE_NAMES: 'Get a certificate for the names, or set `proxy.apps_keypair`.',
  MEZ_CERTIFICATE_MISSING:
    'Set `proxy.https_keypair`, or `proxy.development_certificate: true` to try things out.',
  MEZ_SOCKET_IN_USE: 'Stop the other mezhub that uses this data_dir.',
  MEZ_ROUTE_UNGUARDED: "Give the route `config: { access: 'public' | 'user' | 'admin' }`.",
  MEZ_AUTHORITY_UNREADABLE: 'Start the hub with the encryption key and database that made the authorities.',
  MEZ_CSR_INVALID: 'Send a PKCS #10 request in PEM, signed with its own P-256 key.',
  MEZ_DIAL_FAILED: 'Check that the application listens and that the agent may dial it (`apps.allow`).',
  MEZ_DIAL_TIMEOUT: 'Check the way from the agent to the application, or raise `timeouts.connect`.',
  MEZ_LINK_LOST: 'The agent reconnects by itself; look at its log if it does not.',
  MEZ_AGENT_NONE: 'Start an agent that the app is bound to; `mezctl apps get` lists them.',
  MEZ_PIN_MISMATCH: 'Compare `ca_pin` with `mezctl tokens create`; somebody else may answer at this address.',
  MEZ_HUB_UNTRUSTED: 'The server at `proxy_addr` is not the hub that this agent joined.',
  MEZ_HUB_UNREACHABLE: 'Check `proxy_addr` and the way to it; the agent tries again by itself.',
  MEZ_TOKEN_REFUSED: 'Make a new join token with `mezctl tokens create --roles=app`.',
  MEZ_IDENTITY_UNREADABLE:
    'Give the file to the user that mezd runs as; if it is broken, remove it and join with a new token.',
  MEZ_DATA_DIR_UNWRITABLE:
    'Give the directory to the user that the program runs as, or set another data_dir.',
  MEZ_IDENTITY_MISSING: 'Give a join token and the CA pin: the agent has no valid certificate.',
  MEZ_ALLOW_INVALID: 'Entries are `host:port`, `address:port`, `cidr:port` with `*` for any port.',
  MEZ_USER_NAME_TAKEN: 'An admin can run `mezctl users relink` or `mezctl users rm` for the name.',
  MEZ_USER_NAME_INVALID:
    'Use 1 to 256 characters without control characters, commas and spaces at either end.',
  MEZ_ASSERTION_KEYLESS: 'The hub has no signing key yet; look at its log for why none could be stored.',
  MEZ_DATABASE_LOCKED: 'Stop the other mezhub that uses this data_dir, or give this one its own.',
  MEZ_DATABASE_UNAVAILABLE:
    'Check that the database runs, that `database.url` is right and that it has room.',
  MEZ_TRANSACTION_BYPASSED: 'Change the code of the room or plugin that the stack trace names.',
  MEZ_DATABASE_NEWER: 'Start the version of Mezite that last used the database, or a newer one.',
  MEZ_MIGRATION_FAILED: 'The cause is what the database said; nothing of the failed owner has changed.',
  MEZ_ENCRYPTION_KEY_WRONG:
    'Start with the encryption key that the database was first used with: `encryption-key` in data_dir or MEZITE_ENCRYPTION_KEY.',
  MEZ_ENCRYPTION_KEY_INVALID: 'The key is 32 random bytes in base64 or hex: `openssl rand -base64 32`.',
  MEZ_SECRET_UNREADABLE: 'The row was changed or moved by hand, or made with another key; create it anew.',
} as const satisfies Record<string, string>

/** A code of `errorCodes`. */
export type ErrorCode = keyof typeof errorCodes
