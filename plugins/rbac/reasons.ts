import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  role_not_found: { status: 404, next: 'No role has this name. `mezctl roles ls` lists them.' },
  role_reserved: { status: 400, next: 'The roles `admin` and `access` are built in. Choose another name.' },
  role_unreadable: { next: 'A stored role cannot be read, so everybody who has it is denied. The log names the fault; store the role again.' },
})
