import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  approval_required: {
    status: 409,
    en: 'This change waits until another person approves it.',
    de: 'Diese Änderung wartet, bis eine andere Person sie genehmigt.',
    title: { en: 'Waits for approval', de: 'Wartet auf Genehmigung' },
    next: 'Nothing was changed yet. `mezctl changes get ID` shows the change; somebody else who has the right for it runs `mezctl changes approve ID`.',
  },
  approval_needs_person: { status: 403, next: 'Changes of this kind need a second person, and a token or a bot cannot ask for one. Sign in with `mezctl login` and make the change as a person.' },
  change_is_own: { status: 403, next: 'Somebody else must approve the change: another account of the same person does not count.' },
  change_not_found: { status: 404, next: 'There is no such change, or it does not concern you. `mezctl changes ls` lists those that do.' },
  change_not_open: { status: 409, next: 'The change was decided, has expired, or runs at this moment. `mezctl changes get ID` says what became of it.' },
  change_outdated: { status: 409, next: 'What the change is about was changed meanwhile, so the change was not made. Look at the new difference, and ask for the change again.' },
  change_too_large: { status: 413, en: 'A change that waits for approval has at most 256 KiB.', next: 'A change that waits for approval has at most 256 KiB. Make it in smaller parts.' },
  changes_too_many: { status: 429, en: 'Too many changes wait for approval.', next: 'Too many changes wait for approval. Have some of them decided, or take them back with `mezctl changes cancel ID`.' },
  hub_ended: { status: 503, next: 'A hub ended while it made an approved change. `done` says that the change is stored, `failed` that it is not and never will be: ask for it again.' },
  not_for_break_glass: { status: 403, next: 'Only roles in `break_glass` of the plugin change-approvals make a change without approval. On the machine of the hub, the operator can make it.' },
  requester_lost_right: { status: 403, next: 'The person who asked for the change may not make it any more: a role, a lock or the account has changed. Deny it.' },
})
