import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  certificate_failed: { status: 503, en: 'The certificate could not be issued. Sign in again.', next: 'The hub could not issue the certificate. Its log has the cause; sign in again afterwards.' },
  public_key_invalid: { status: 400, next: 'The public key is not P-256 in PEM. Update the program.' },
  ttl_invalid: { status: 400, next: 'The lifetime is outside of what is allowed. The message has the limits.' },
})
