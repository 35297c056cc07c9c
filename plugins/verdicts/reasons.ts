import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  proxy_headers_invalid: { status: 403, next: 'The proxy has proved itself, but does not say exactly once, and in a valid form, which request it asks about. The message names the header; compare the configuration of the proxy with the page about it.' },
})
