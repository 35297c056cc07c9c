import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons } = defineReasons({
  path_ambiguous: { next: 'Servers would read the path of the request in different ways. Correct the address; [app-rules](../plugins/app-rules.md) has the list.' },
  request_not_allowed: { next: 'No rule of a role allows this request, or one denies it. `mezctl access explain --method M --path P` shows which.' },
})
