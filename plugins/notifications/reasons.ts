import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  notifier_not_found: { status: 404, next: 'No notifier has this name. `mezctl notify ls` and `plugins.notifiers` list them.' },
})
