import { defineReasons } from '@mezite/core'

/** The heading of reasons that concern the exchange with a provider, and of those that it gives. */
export const atProvider = {
  en: 'Sign-in failed at your provider',
  de: 'Die Anmeldung bei Ihrem Anbieter ist fehlgeschlagen',
}

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  email_unverified: {
    status: 403,
    title: atProvider,
    de: 'Ihre E-Mail-Adresse ist bei Ihrem Identitätsanbieter nicht bestätigt. Bestätigen Sie sie dort, und melden Sie sich dann wieder an.',
    next: 'The provider has not verified the e-mail address of the person, and the connector takes only verified ones. Verify it there, or change `username_claim`.',
  },
  id_token_refused: {
    status: 400,
    title: atProvider,
    en: 'The identity provider’s statement about you could not be verified.',
    de: 'Die Aussage Ihres Identitätsanbieters über Sie war nicht zu prüfen. Versuchen Sie es noch einmal.',
    next: 'The ID token of the provider failed a check: signature, audience, nonce or time. The log has which; compare clocks and the client id.',
  },
  name_invalid: {
    status: 403,
    title: atProvider,
    de: 'Ihr Identitätsanbieter nennt einen Namen für Sie, der hier nicht gültig ist. Wenden Sie sich an Ihre Administration.',
    next: 'The provider gives a user name that is not valid here. Set `username_claim` of the connector to another claim, or correct the name there.',
  },
  name_taken: {
    status: 403,
    title: { en: 'Your user name is taken', de: 'Ihr Benutzername ist vergeben' },
    de: 'Ihr Benutzername gehört bei Ihrem Identitätsanbieter jemand anderem. Die Administration gibt ihn Ihnen mit „mezctl users relink“.',
    next: 'The user name belongs to another person of a provider. `mezctl users relink` gives it to this one, and `mezctl users rm` frees it.',
  },
  provider_unreachable: { status: 502, title: atProvider, de: 'Der Identitätsanbieter ist nicht erreichbar. Versuchen Sie es gleich noch einmal.', next: 'The hub cannot reach the provider. `mezctl sso test NAME` shows which step fails.' },
  state_invalid: {
    status: 400,
    en: 'This browser did not start this sign-in, or the sign-in took too long. Open the page again.',
    title: { en: 'This sign-in cannot continue', de: 'Diese Anmeldung kann nicht weitergehen' },
    de: 'Diese Anmeldung begann in einem anderen Browser oder vor zu langer Zeit. Öffnen Sie die Seite noch einmal.',
    next: 'The sign-in began on another hub or was changed. Open the application again.',
  },
  state_spent: {
    status: 400,
    en: 'This sign-in link was already used. Open the page again.',
    title: { en: 'This sign-in cannot continue', de: 'Diese Anmeldung kann nicht weitergehen' },
    de: 'Dieser Link wurde schon benutzt. Öffnen Sie die Seite noch einmal.',
    next: 'This step of the sign-in was already used, for example by the back button. Open the application again.',
  },
  username_changed: { status: 403, next: 'The provider now gives the person another user name, so the session ended. The person signs in again; `mezctl users relink` keeps the old name.' },
  userinfo_refused: {
    status: 400,
    title: atProvider,
    en: 'Your identity provider did not say who you are.',
    de: 'Ihr Identitätsanbieter hat nicht gesagt, wer Sie sind. Versuchen Sie es noch einmal.',
    next: 'The UserInfo response of the provider is missing, or is about another person. The audit record has the cause; compare the settings of the client there.',
  },
  username_missing: { status: 403, title: atProvider, de: 'Ihr Identitätsanbieter nennt keinen Benutzernamen für Sie. Wenden Sie sich an Ihre Administration.', next: 'The provider gives no user name. Set `username_claim` of the connector to a claim that its tokens have.' },
})
