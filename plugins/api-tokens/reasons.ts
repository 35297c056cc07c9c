import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  token_exists: { status: 409, next: 'A token of this name exists. Choose another name, or remove the old one.' },
})
