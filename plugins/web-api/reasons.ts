import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  icon_not_found: { status: 404, next: 'The application has no icon of its own. Nothing is to be done.' },
  token_not_found: { status: 404, next: 'No token has this id. `mezctl tokens ls` and `mezctl api-tokens ls` list them.' },
})
