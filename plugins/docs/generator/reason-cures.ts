import { curesAToH } from './reason-cures-a-h.ts'
import { curesIToZ } from './reason-cures-i-z.ts'
import { curesOfPrograms } from './reason-cures-programs.ts'

/** Cause and next step of the reason codes that people meet most. */
const COMMON: Readonly<Record<string, string>> = {
  access_denied:
    'Ask an administrator. `mezctl access explain --user NAME --app APP` shows which role or lock decided.',
  address_limit:
    'Too many requests at once come from this address without a sign-in. Sign in, or raise `anonymous_requests_per_address`.',
  address_not_allowed:
    'The bot may not connect from this address. `mezctl bots update NAME --allow-from CIDRS` changes that.',
  agent_limit:
    'Every agent of the application carries as many connections as it may. Add an agent, or raise `tunnel.streams_per_agent`.',
  agent_locked: 'An administrator has locked this agent: `mezctl locks ls`.',
  agent_none:
    'No agent of the application is connected. `mezctl apps get NAME` lists its agents; start one, or run `mezd doctor` there.',
  agent_unknown:
    'The agent was removed. Create a token with `mezctl tokens create --roles=app` and join again.',
  app_deleted: 'An administrator removed the application.',
  app_disabled: 'An administrator switched the application off: `mezctl apps enable NAME` switches it on.',
  app_limit:
    'The application has as many requests as `requests_per_app` or `connections_per_app` allows. Wait, or raise the limit.',
  app_reset: 'The application closed the connection before it responded. Read the log of the application.',
  app_timeout: 'The application did not respond in time. Read its log, or raise its `timeouts`.',
  app_unknown: 'No application has this host. Compare the address with `mezctl apps ls`.',
  app_unreachable:
    'The agent could not connect to the application. `mezctl apps test NAME` tries it and says what failed.',
  audit_unavailable:
    'The audit trail cannot be written, so no request is admitted. `mezctl status` and `/readyz?deep` say which sink fails; check the database and its disk.',
  bot_not_allowed:
    'A bot calls only the part of the API about itself. A program that administers the hub uses an API token, or its document says `api: true` (`mezctl bots update NAME --api`).',
  bot_refused:
    'The bot does not exist, or its proof is not valid. `user.login.failed` in `mezctl audit ls` has the exact reason.',
  bot_secret_not_a_token:
    'The secret of a bot was sent to an application. Exchange it for a token at the hub, and send the token.',
  certificate_expired: 'The certificate of the agent has expired. Join again with a new token.',
  certificate_refused:
    'The agent does not trust the certificate of the application. Set `tls.ca` or `tls.server_name` of the application.',
  connection_refused:
    'Nothing listens at the target of the application. Start the application, or correct `uri`.',
  connector_deleted:
    'The identity provider that the person signed in with was removed. Sign in again another way.',
  connector_not_allowed:
    'Applications require a sign-in through another provider: `proxy.apps_oidc_connector`. Sign in again.',
  csrf: 'The request did not come from a page of the hub. Load the page again and repeat the step there.',
  denied: 'A policy denies access. `mezctl access explain` names it.',
  database_unavailable: 'The hub cannot reach its database. Check that PostgreSQL runs, and `database.url`.',
  expired: 'The session reached its longest life. Sign in again; roles set the limit.',
  idle: 'The session was not used for as long as a role allows. Sign in again.',
  label_denied:
    'A role denies this application by its labels. Change the role, or the labels of the application.',
  label_mismatch:
    'No role of the person matches the labels of the application. Give a role with `mezctl users update`, or change the labels.',
  locked: 'A lock denies access. `mezctl locks ls` lists it and `mezctl locks rm ID` removes it.',
  login_required:
    'The sign-in has ended. Sign in again; programs run `msh login` or `mezctl login`, or get a new token.',
  misdirected_request:
    'The host of the request is not served on this connection. Browsers try again by themselves; check DNS and the certificate.',
  name_not_found:
    'The agent cannot resolve the host name of the application. Correct `uri` or the DNS of that machine.',
  not_found: 'There is no such page or resource. Check the address.',
  origin_not_allowed:
    'A page of another site sent the request. Allow the origin in the document of the application if that is intended.',
  person_limit:
    'The person has as many requests or connections at once as one person may. Close some, or raise the limit.',
  revoked: 'An administrator or the person ended the session. Sign in again.',
  role_missing:
    'The person has no role that opens applications. Give one with `mezctl users update NAME --roles ROLE`.',
  self_lockout: 'The change would lock the caller out. Make it as another administrator.',
  session_mfa_required:
    'The role requires a passkey for this application. Confirm with a passkey, or add one at `/web/account`.',
  state_expired: 'The sign-in took longer than ten minutes. Open the application again.',
  state_invalid: 'The sign-in began on another hub or was changed. Open the application again.',
  state_spent:
    'This step of the sign-in was already used, for example by the back button. Open the application again.',
  stale_view: 'The hub had lost its database for too long, so it cut live connections. Check the database.',
  superseded: 'Newer sessions of the same person took its place. Sign in again.',
  target_not_allowed: 'The agent may not dial this target. Add it to `apps.allow` in `mezd.yaml`.',
  tls_failed:
    'TLS between agent and application failed. The audit record has the detail; set `tls` of the application.',
  too_many_requests:
    'This address called the route too often. Wait a minute, or raise `proxy.limits.calls_per_minute`.',
  too_many_sign_ins: 'Too many sign-ins of one person in a minute. Wait a minute.',
  view_stale:
    'The hub has not read its database for more than 5 s and grants nothing until it has. Check the database, and that `database.url` names the primary.',
  wrong_host: 'Open the page on the sign-in host of the hub.',
}

const CURES = { ...COMMON, ...curesAToH, ...curesIToZ, ...curesOfPrograms } as Readonly<
  Record<string, string>
>

const BY_STATUS: Readonly<Record<string, string>> = {
  '400':
    'The request is not valid; its message names what. People start again from the first page; programs correct the request.',
  '401': 'Sign in again, or send a valid credential.',
  '403': 'The caller may not do this. Ask an administrator, or use an account with the role.',
  '404': 'Nothing has this name. List what there is with `mezctl`, and correct the name.',
  '405': 'The path exists, but not for this method. `/v1/webapi/openapi.json` lists the methods.',
  '408': 'The request was not complete in time. Send it again over a faster connection.',
  '409': 'The request contradicts what is stored. Read the current state, and decide again.',
  '412': 'Somebody changed it meanwhile. Read it again and repeat the change.',
  '413': 'The request is too large.',
  '421': 'The host of the request is not served here. Check the address and DNS.',
  '429': 'Wait as long as `Retry-After` says. The limits are in the page about limits.',
  '431': 'The headers are too large. Delete the cookies of the site, or raise `header_bytes`.',
  '500': 'The hub could not complete the request. Its log has the cause, by the id of the request.',
  '502': 'The other side failed. `mezctl apps test NAME`, or the log of the hub, says how.',
  '503': 'Try again in a moment. `mezctl status` says what needs attention.',
  '504': 'The other side did not respond in time. Check that it runs, and its timeouts.',
}

/** The next step for a reason code; by its status, unless the code has its own. */
export const cureOf = (code: string, statuses: readonly string[]): string =>
  CURES[code] ??
  statuses.map((status) => BY_STATUS[status]).find((text) => text !== undefined) ??
  'Find the record with `mezctl audit ls --reason CODE`; its other fields say which part and which name it concerns.'

/** Codes with a next step of their own. */
export const curedCodes = Object.keys(CURES)
