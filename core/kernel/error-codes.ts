/**
 * Every error code of hub, agent and command lines with its general next step, which an error can replace by a better one.
 * A code is `MEZ_<NOUN>_<PROBLEM>`, stands for one problem, and never changes its meaning. CONTRIBUTING.md says how to add
 * one.
 *
 * @public
 */
export const errorCodes = {
  // All programs.
  MEZ_USAGE_WRONG: 'Run the command with --help to see its arguments and flags.',
  MEZ_NODE_OLD: 'Install a newer Node.js, or run npm ci in a checkout, which brings one along.',
  MEZ_RUNTIME_UNSAFE:
    'Start with a supported Node.js (`npm ci` brings one along) and without --inspect. Without `strict_runtime` this is a warning.',
  MEZ_CONFIG_INVALID: 'Correct the listed keys; `mezhub config schema` prints the allowed ones.',
  MEZ_CONFIG_UNREADABLE: 'Check the path and the permissions of the file.',
  MEZ_DATA_DIR_UNWRITABLE:
    'Give the directory to the user that the program runs as, or set another data_dir.',
  MEZ_PORT_UNAVAILABLE: 'Stop the other program on the port, or choose another port.',

  MEZ_MACHINE_UNFIT: 'Each failed check says who can repair it.',
  MEZ_UPGRADE_BLOCKED: 'Each line above names what to do first.',
  MEZ_PROGRAM_CHANGED: 'Install this version again, and check the download first as SECURITY.md says.',
  MEZ_PROGRAM_UNATTESTED: 'Only releases have an attestation; a build of a checkout has none.',
  MEZ_SERVICE_UNINSTALLABLE: 'Write a unit by hand: examples/operations has one for each program.',

  // Plugins.
  MEZ_PLUGIN_NOT_FOUND: 'Install the package, or correct the name or path under `plugins:`.',
  MEZ_PLUGIN_SIDE: 'Name the plugin in the configuration of the other program, or export the missing half.',
  MEZ_PLUGIN_HANGS: 'Move what the module awaits at its top level into a tap of lifecycle.start.',
  MEZ_PLUGIN_DEPENDENCY: "Install the plugin's dependencies, for example with npm install in its folder.",
  MEZ_PLUGIN_BROKEN: "Ask the plugin's author, or set it to false under `plugins:`.",
  MEZ_PLUGIN_INVALID: 'The module must default-export the result of defineHubPlugin or defineAgentPlugin.',
  MEZ_PLUGIN_API: 'Install a version of the plugin for this version of Mezite.',
  MEZ_PLUGIN_TWICE: 'Name the plugin once under `plugins:`.',
  MEZ_PLUGIN_CYCLE: 'One of the plugins must stop needing the other.',
  MEZ_PLUGIN_UNSAFE:
    'Only root and the user of this program may own or write the plugin and the folders above it.',
  MEZ_PLUGIN_CHANGED:
    'Find out who changed it. If you trust what it is now, run mezhub plugins accept --config FILE.',
  MEZ_TAP_INVALID: 'A tap is a function with the options `stage` (early, normal, late) and `pure`.',
  MEZ_SETUP_FAILED: 'The cause says what the plugin could not set up.',
  MEZ_SETUP_OVER: 'Tap hooks and provide services inside setup(), synchronously.',
  MEZ_SERVICE_MISSING: 'Add a plugin that provides the service.',
  MEZ_SERVICE_TWICE: 'Set one of the providers to false under `plugins:`.',
  MEZ_SERVICE_UNPROVIDED: 'A plugin must provide every service in its `provides` before setup() returns.',
  MEZ_PART_INVALID:
    'Correct the part in the code of the plugin. If the plugin is not yours, tell its author, or set it to false under `plugins:`.',
  MEZ_START_FAILED: 'The cause says what the plugin could not start.',
  MEZ_HOOK_FAILED: 'The cause is the error that the plugin threw.',
  MEZ_HOOK_TIMEOUT: 'The plugin did not return in time; read its log lines.',

  // The hub.
  MEZ_AUDIT_MISSING:
    'Turn on audit-database or another enforced sink, or set `audit: none` to run without an audit trail.',
  MEZ_CERTIFICATE_INVALID: 'Provide a PEM certificate chain and the private key of its first certificate.',
  MEZ_CERTIFICATE_NAMES: 'Get a certificate for the names, or set `proxy.apps_keypair`.',
  MEZ_CERTIFICATE_MISSING:
    'Set `proxy.https_keypair`, or `proxy.development_certificate: true` to try things out.',
  MEZ_SOCKET_IN_USE: 'Stop the other mezhub that uses this data_dir.',
  MEZ_ROUTE_UNGUARDED:
    'Give the route `config: { access: … }`: `public`, `page`, `user`, or the right that it needs, such as `app.update`.',
  MEZ_AUTHORITY_UNREADABLE:
    'Start the hub with the encryption key and the database that created the authorities.',
  MEZ_CSR_INVALID: 'Send a PKCS #10 request in PEM, signed with its own P-256 key.',
  MEZ_USER_NAME_TAKEN: 'An administrator can run `mezctl users relink` or `mezctl users rm` for the name.',
  MEZ_USER_NAME_INVALID:
    'Use 1 to 256 characters without control characters, commas or spaces at either end.',
  MEZ_ASSERTION_KEYLESS: 'The hub has no signing key yet; its log says why none could be stored.',
  MEZ_COPY_REFUSED: 'Name an empty database, migrated by the same version of Mezite.',
  MEZ_COPY_INCOMPLETE: 'Repeat the command; the source was not changed, and the target was left as it was.',
  MEZ_BACKUP_UNREADABLE: 'Check the file and the key, or take another backup.',
  MEZ_DATABASE_LOCKED: 'Stop the other mezhub that uses this data_dir, or give this one its own.',
  MEZ_DATABASE_UNAVAILABLE:
    'Check that the database is running, that `database.url` is right and that its disk is not full.',
  MEZ_DATABASE_NEWER: 'Start the version of Mezite that last used the database, or a newer one.',
  MEZ_TRANSACTION_BYPASSED: 'Change the code of the room or plugin that the stack trace names.',
  MEZ_MIGRATION_FAILED: 'The cause is the error of the database; nothing of the failed owner has changed.',
  MEZ_ENCRYPTION_KEY_WRONG:
    'Start with the encryption key that the database was first used with: `encryption-key` in data_dir or MEZITE_ENCRYPTION_KEY.',
  MEZ_ENCRYPTION_KEY_INVALID: 'The key is 32 random bytes in base64 or hex: `openssl rand -base64 32`.',
  MEZ_SECRET_UNREADABLE:
    'The row was changed or moved by hand, or encrypted with another key; create it again.',
  MEZ_NOTIFIER_FAILED:
    'Correct the notifier under `plugins.notifiers`; the result says what its receiver responded.',

  // Tunnel and agent.
  MEZ_DIAL_FAILED: 'Check that the application listens and that the agent may dial it (`apps.allow`).',
  MEZ_DIAL_TIMEOUT: 'Check the network between agent and application, or raise `timeouts.connect`.',
  MEZ_LINK_LOST: 'The agent reconnects by itself; read its log if it does not.',
  MEZ_ADMISSION_ENDED: 'Ask for access again: it was taken away, or the request is over.',
  MEZ_AGENT_NONE: 'Start an agent that the app is bound to; `mezctl apps get` lists them.',
  MEZ_PIN_MISMATCH: 'Compare `ca_pin` with `mezctl tokens create`; another server may be at this address.',
  MEZ_HUB_UNTRUSTED: 'The server at this address is not the expected hub; tell an administrator.',
  MEZ_HUB_UNREACHABLE: 'Check the address of the hub, and that this machine can reach it.',
  MEZ_CARRIER_REFUSED:
    'Compare the clocks with `mezd doctor`; if they agree, create a new join token with `mezctl tokens create`.',
  MEZ_TOKEN_REFUSED: 'Create a new join token with `mezctl tokens create --roles=app`.',
  MEZ_IDENTITY_UNREADABLE:
    'Give the file to the user that mezd runs as; if it is broken, remove it and join with a new token.',
  MEZ_IDENTITY_MISSING: 'Provide a join token and the CA pin: the agent has no valid certificate.',
  MEZ_ALLOW_INVALID: 'Entries are `host:port`, `address:port` or `cidr:port`, with `*` for any port.',

  // Command lines.
  MEZ_FILE_UNREADABLE: 'Check the path and the permissions of the file.',
  MEZ_FILE_UNWRITABLE: 'Check the path, the permissions of the folder and the free space.',
  MEZ_DOCUMENT_INVALID: 'Correct the listed lines; a listed document changed nothing.',
  MEZ_SECRET_MISSING: 'Set client_secret to {file: PATH} or {env: NAME}, and check that it exists.',
  MEZ_HUB_TIMEOUT: 'The hub did not respond in time; read its log.',
  MEZ_HUB_UNEXPECTED: 'Check that the address is a Mezite hub of this version.',
  MEZ_SOCKET_DENIED: 'Run as the user that the hub runs as, or sign in with `mezctl login --proxy HOST`.',
  MEZ_TLS_UNTRUSTED: "Provide the certificate's authority: --ca-file at login, or NODE_EXTRA_CA_CERTS.",
  MEZ_NOT_LOGGED_IN: 'Run `login --proxy HOST[:PORT]`.',
  MEZ_LOGIN_EXPIRED: 'Run `login --proxy HOST[:PORT]` again, or `logout` to use the admin socket.',
  MEZ_LOGIN_FAILED: 'Run `login` again.',
  MEZ_LOGIN_ENDED: 'Run `login --proxy HOST[:PORT]` again.',
  MEZ_IDENTITY_INVALID: 'Create another one with `msh login --out FILE`.',
  MEZ_CREDENTIALS_UNSAFE: 'Run chmod 600 on the file, or remove it and sign in again.',
  MEZ_NAME_UNKNOWN: 'Nothing was changed. Correct the name. Commands with --strict only warn without it.',
  MEZ_ATTENTION_NEEDED: 'Run `mezctl status` again after you have dealt with the list.',
  MEZ_NOT_CONFIRMED: 'Nothing was changed. Add --yes to skip the confirmation.',
  MEZ_AUDIT_ALTERED:
    'Keep the database as it is, and compare it with a backup and with copies of the trail elsewhere.',
  MEZ_COMMAND_FAILED: 'The message says what failed; correct it and run the command again.',
  MEZ_CLI_FAULT: 'This is a bug in the program; please report it with the command that you ran.',
} as const satisfies Record<string, string>

/** A code of `errorCodes`. @public */
export type ErrorCode = keyof typeof errorCodes
