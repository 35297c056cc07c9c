import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  plugin_failed: { status: 502, en: 'The plugin failed to provide this page. The log has the error.', next: 'A plugin failed, so the request was refused. The log names the plugin and the error.' },
})
