import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  backup_failed: { next: 'The backup was not written. The field `failure` of the event has the cause, such as a full disk.' },
  backup_running: { status: 429, en: 'A backup is already being written.', next: 'Another backup is being made. Wait until it is complete, and repeat the command.' },
  operator_only: { status: 403, en: 'Run mezhub backup on the machine of the hub.', next: 'Only the operator may do this: run the command on the machine of the hub, where the admin socket is.' },
  path_not_absolute: { status: 400, en: 'The path must be absolute.', next: 'The file of a backup needs an absolute path. Write the path from `/`.' },
  recipient_invalid: { status: 400, next: 'A recipient of a backup is not a public key. Copy the line that `mezhub backup key FILE` prints; it begins with `age1`.' },
})
