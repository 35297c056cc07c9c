/** Causes and next steps of the codes that programs and their bots get, and of the reasons in the trail behind `bot_refused`. */
export const curesOfPrograms: Readonly<Record<string, string>> = {
  algorithm_not_allowed:
    'The token is signed by an algorithm that is not accepted, such as HS256 or none. Sign with RSA, P-256, P-384, P-521 or Ed25519.',
  audience_wrong:
    'The proof is for another audience, or for several. An assertion of a key has the origin of the hub alone as `aud`; an ID token has the `audience` of a rule of trust (`mezctl bots get NAME`).',
  bot_unknown: 'No bot has this name: `mezctl bots ls` lists them. As a client it is `bot:NAME`.',
  claim_invalid:
    'A claim of the proof has a value that no token may have. Print the token of the job, and compare.',
  claims_not_met:
    'The ID token is genuine, but meets no rule of trust. `detail` of the record has each claim with the rule and its value; change the rule with `mezctl bots update NAME --remove-issuers --issuer URL --audience AUDIENCE --claim NAME=VALUE`, or run the job where it meets the rule.',
  iat_missing:
    'The token does not say when it was made (`iat`). Use a token of the platform’s OpenID issuer.',
  invalid_client:
    'The program is not known here, or did not prove itself. A bot is `bot:NAME` as client_id and presents exactly one proof; `mezctl audit ls --type user.login.failed` has the reason of a refused proof. A person’s program registers again.',
  invalid_grant:
    'The code or refresh token was used before, has expired, or belongs to another program, or the person’s access has ended. A second use ends all tokens of the consent: the person lets the program in again.',
  invalid_redirect_uri:
    'The redirect URI is not one of those of the program. It is compared byte by byte; only the port of a loopback address is free.',
  invalid_scope:
    'The program asks for a scope that the hub does not have. Tokens for applications have the scope `app`.',
  invalid_target:
    'The parameter `resource` is not the address of one application that accepts programs, such as https://grafana.apps.example.com/, or not one that the person allowed.',
  issuer_not_trusted:
    'The bot trusts no issuer of this name. `mezctl bots get NAME` shows its rules of trust; the issuer is compared byte by byte, with its last slash.',
  issuer_unreachable:
    'The hub could not fetch the keys of the issuer; `cause` of the record says why, such as a certificate that the hub does not trust. Check the address from the machine of the hub.',
  issuer_wrong: 'The assertion of a key must have `bot:NAME` as `iss`.',
  jti_missing: 'The assertion has no id (`jti`). Give each one a new random id.',
  key_unknown:
    'No key of the bot or the issuer has the id in the token. Add the key with `mezctl bots update NAME --key FILE`; after a rotation, wait for 30 s.',
  programs_off:
    'The application does not accept programs. Its document says `plugins: { authorization-server: { programs: off } }`; people open it in a browser.',
  proof_expired:
    'The proof has expired. Get a new one for each request, and compare the clock of the program.',
  proof_lives_too_long:
    'The proof would be valid for too long: an assertion of a key for at most an hour, an ID token for a day.',
  proof_malformed:
    'The proof is not a signed token, or is too long. Send the token as the platform printed it.',
  proof_not_yet_valid:
    'The proof is of the future (`nbf` or `iat`). Set the clock of the program, or of the hub.',
  proof_replayed:
    'The proof was used before: each counts once. Make a new assertion, or ask the platform for another ID token; a job that has only one asks for a token once.',
  secret_wrong:
    'The secret is not the newest one of the bot. `mezctl bots secret NAME` makes a new one, and ends the former.',
  session_ended:
    'The sign-in, consent or token behind the request has ended: it expired, was revoked, or the person lost the access. Sign in again; a program gets a new token.',
  signature_invalid:
    'The signature does not fit the key. The program signs with another key than the registered one, or the token was changed on the way.',
  subject_wrong: 'The assertion of a key must have `bot:NAME` as `sub`.',
  token_invalid:
    'A token at an application has the wrong form, or no valid proof of its key: `msh token APP` prints a new one, and a program refreshes its own. A join token of an agent was used, has expired or is wrong: `mezctl tokens create` prints a new one.',
  token_misplaced:
    'A token or secret of the hub came in a header where the hub does not take it, and was kept from the application. Send an access token as `Authorization: Bearer TOKEN`, as user or password of Basic, or as `Mezite-Token`.',
  type_wrong: 'The token is not an ID token: its `typ` says another kind. Ask the platform for an ID token.',
  unauthorized_client:
    'The bot proved itself, but may not open the application: `error_description` has the reason of the gate. `mezctl access explain --user bot:NAME --app APP` shows which role or lock decided.',
  unsupported_grant_type:
    'The hub does not have this grant. Programs of people use authorization_code, refresh_token and device_code; bots client_credentials and token exchange.',
}
