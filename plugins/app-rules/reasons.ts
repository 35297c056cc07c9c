import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons } = defineReasons({
  operation_not_allowed: {
    en: 'No rule allows this operation.',
    de: 'Keine Regel erlaubt diese Operation.',
    next: 'The rules of the roles of the person, bot or program allow other operations at this address, or one denies this one. The record names it as `operation`.',
  },
  operation_unreadable: { next: 'A rule with `operations` decides requests to this address, and this one cannot be read: the response says why. [Operations](../how-to/operations.md) has the list.' },
  path_ambiguous: { next: 'Servers would read the path of the request in different ways. Correct the address; [app-rules](../plugins/app-rules.md) has the list.' },
  request_not_allowed: { next: 'No rule of a role allows this request, or one denies it. `mezctl access explain --method M --path P` shows which.' },
})
