import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  audit_event_unknown: { status: 400, next: 'No event has this id, or retention has deleted it. Search with a longer time.' },
  audit_search_too_long: { status: 400, next: 'The search did not end in time. Give a shorter time with `from` and `to` (`--from` and `--to`), or one more filter.' },
  audit_type_unknown: { status: 400, next: 'There is no such type of event. [Audit events](audit-events.md) lists them; the message suggests the nearest.' },
  verify_running: { status: 429, en: 'The trail is already being verified. Wait until that check has finished.', next: 'The trail is already being verified. Wait for the result.' },
})
