import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  algorithm_not_allowed: { next: 'The token is signed by an algorithm that is not accepted, such as HS256 or none. Sign with RSA, P-256, P-384, P-521 or Ed25519.' },
  audience_wrong: { next: 'The proof is for another audience, or for several. An assertion of a key has the origin of the hub alone as `aud`; an ID token has the `audience` of a rule of trust (`mezctl bots get NAME`).' },
  bot_not_found: { status: 404, next: 'No bot has this name. `mezctl bots ls` lists them.' },
  bot_refused: { status: 401, en: 'The bot or its proof is not accepted. The audit trail of the hub has the reason.', next: 'The bot does not exist, or its proof is not valid. `user.login.failed` in `mezctl audit ls` has the exact reason.' },
  bot_secret_not_a_token: { next: 'The secret of a bot was sent to an application. Exchange it for a token at the hub, and send the token.' },
  bot_unknown: { next: 'No bot has this name: `mezctl bots ls` lists them. As a client it is `bot:NAME`.' },
  claim_invalid: { next: 'A claim of the proof has a value that no token may have. Print the token of the job, and compare.' },
  claims_not_met: { next: 'The ID token is genuine, but meets no rule of trust. `detail` of the record has each claim with the rule and its value; change the rule with `mezctl bots update NAME --remove-issuers --issuer URL --audience AUDIENCE --claim NAME=VALUE`, or run the job where it meets the rule.' },
  iat_missing: { next: 'The token does not say when it was made (`iat`). Use a token of the platform’s OpenID issuer.' },
  issuer_not_trusted: { next: 'The bot trusts no issuer of this name. `mezctl bots get NAME` shows its rules of trust; the issuer is compared byte by byte, with its last slash.' },
  issuer_unreachable: { status: 503, en: 'The issuer of the token cannot be reached. Try again.', next: 'The hub could not fetch the keys of the issuer; `cause` of the record says why, such as a certificate that the hub does not trust. Check the address from the machine of the hub.' },
  issuer_wrong: { next: 'The assertion of a key must have `bot:NAME` as `iss`.' },
  jti_missing: { next: 'The assertion has no id (`jti`). Give each one a new random id.' },
  proof_expired: { next: 'The proof has expired. Get a new one for each request, and compare the clock of the program.' },
  proof_lives_too_long: { next: 'The proof would be valid for too long: an assertion of a key for at most an hour, an ID token for a day.' },
  proof_malformed: { next: 'The proof is not a signed token, or is too long. Send the token as the platform printed it.' },
  proof_not_yet_valid: { next: 'The proof is of the future (`nbf` or `iat`). Set the clock of the program, or of the hub.' },
  proof_replayed: { next: 'The proof was used before: each counts once. Make a new assertion, or ask the platform for another ID token; a job that has only one asks for a token once.' },
  secret_wrong: { next: 'The secret is not the newest one of the bot. `mezctl bots secret NAME` makes a new one, and ends the former.' },
  signature_invalid: { next: 'The signature does not fit the key. The program signs with another key than the registered one, or the token was changed on the way.' },
  subject_wrong: { next: 'The assertion of a key must have `bot:NAME` as `sub`.' },
})
