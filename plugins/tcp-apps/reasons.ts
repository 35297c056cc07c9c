import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons } = defineReasons({
  connect_only: { status: 405, next: 'The program did not speak the protocol of `msh` on this connection. Use `msh`.' },
})
