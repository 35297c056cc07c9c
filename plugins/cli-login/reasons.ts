import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  bad_cli_login: { status: 400, title: { en: 'This link is not complete', de: 'Dieser Link ist unvollständig' }, de: 'Ein Teil der Adresse fehlt. Beginnen Sie die Anmeldung im Terminal von vorn.', next: 'The address that the command line opened is not complete. Update the program, and start the login again.' },
  code_invalid: { status: 400, en: 'The code is unknown, used or expired. Sign in again.', next: 'The code is not valid, was used already, or is older than two minutes. Start the login again.' },
})
