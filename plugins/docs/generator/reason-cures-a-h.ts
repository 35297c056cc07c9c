/** Cause and next step of reason codes from a to h that `reason-cures.ts` does not have. */
export const curesAToH: Readonly<Record<string, string>> = {
  agent_choice_failed:
    'A plugin that chooses agents failed. The log of the hub names it and the error; correct or switch off the plugin.',
  agent_not_connected:
    'The agent is not connected to any hub. `mezctl agents ls` says since when; start it, or run `mezd doctor` on its machine.',
  agent_not_bound:
    'The agent is not one of `agents` in the document of the application. Add its host name there with `mezctl apps update`.',
  agent_timeout:
    'The agent did not respond in time. `mezctl agents ls` shows its link; look at the load and the network of its machine.',
  agent_unbound:
    'The document of the application names no agent. Set `agents` in its document with `mezctl apps update NAME --from-file FILE`.',
  allowed: 'The decision was positive: access is allowed. Nothing is to be done.',
  already_allowed: 'The person already has access, so there is nothing to ask for. Open the application.',
  already_reviewed: 'Somebody has already decided about this request. `mezctl requests get ID` shows who.',
  answer_invalid:
    'The application sent a response that is not valid HTTP. Its log or `curl` on the machine of the agent shows it; update the application.',
  app_client_not_found: 'No client of the authorization server has this id. `mezctl clients ls` lists them.',
  app_exists:
    'An application of this name or address exists. Choose another name, or change the existing one with `mezctl apps update`.',
  app_gone: 'The application was removed while the person signed in. Go back to the list of applications.',
  app_not_found: 'No application has this name. `mezctl apps ls` lists them.',
  app_proposal_not_allowed:
    'No app source admits this agent, name or label any more. `mezctl app-sources ls` lists the rules.',
  app_proposal_not_found:
    'No proposal has this id: its agent has changed or withdrawn it, or it was accepted. `mezctl app-proposals ls` lists them.',
  app_proposal_refused:
    'The proposal was refused before. `mezctl app-proposals rm ID` removes the refusal; the agent then proposes it again.',
  audit_event_unknown: 'No event has this id, or retention has deleted it. Search with a longer time.',
  audit_search_too_long:
    'The search did not end in time. Give a shorter time with `from` and `to` (`--from` and `--to`), or one more filter.',
  audit_type_unknown:
    'There is no such type of event. [Audit events](audit-events.md) lists them; the message suggests the nearest.',
  backup_failed:
    'The backup was not written. The field `failure` of the event has the cause, such as a full disk.',
  backup_running: 'Another backup is being made. Wait until it is complete, and repeat the command.',
  bad_cli_login:
    'The address that the command line opened is not complete. Update the program, and start the login again.',
  bad_form:
    'The form is not complete, or has a value that is not valid. Load the page again, and fill it in again.',
  bad_json: 'The body is not valid JSON. Correct it; the message names the place.',
  bad_request: 'The request has a part that is not valid. The message names it.',
  bad_target: 'The address does not say which application is meant. Open the application from the list.',
  body_too_large: 'The body is larger than the route accepts. Send less, or in parts.',
  bot_not_found: 'No bot has this name. `mezctl bots ls` lists them.',
  break_glass_not_allowed:
    'No role of the person allows access without approval to this application. Ask for approval instead.',
  break_glass_not_notified:
    'No notifier took the notification, or no receiver accepted it within 10 seconds, so access without approval is not given. `mezctl notify test` shows why.',
  certificate_authority_retired:
    'A certificate was issued by an authority that a rotation has retired. Sign in or join again.',
  certificate_failed:
    'The hub could not issue the certificate. Its log has the cause; sign in again afterwards.',
  certificate_imported:
    'The certificate was imported from a file, so the hub does not renew it. Import a newer one, or remove it.',
  certificate_invalid:
    'The file is not a certificate with its chain and key, or does not cover the host. Compare the names in it.',
  certificate_elsewhere:
    'The certificate is from files of the configuration or another plugin. Replace the files; the hub loads them by itself.',
  certificate_not_found: 'No certificate has this name. `mezctl certs ls` lists them.',
  certificate_superseded:
    'The agent uses an older certificate than its newest one. Two machines may use one `data_dir`; give each its own.',
  challenge_expired:
    'The confirmation with the passkey took longer than a minute. Load the page and confirm again.',
  challenge_foreign: 'The confirmation belongs to another session or page. Load the page and confirm again.',
  challenge_spent:
    'The confirmation was already used, for example by the back button. Load the page and confirm again.',
  challenge_unknown:
    'The hub did not ask for this confirmation, or its key has changed. Load the page and confirm again.',
  challenge_wrong:
    'The passkey answered another question than the one of this page. Load the page and confirm again.',
  changed_meanwhile:
    'Somebody else changed the same thing in the meantime. Read it again, and repeat the change.',
  chunk_extensions_too_long:
    'The request has chunk extensions of an unreasonable length. Correct the client.',
  client_closed:
    'The client closed the connection before it had the response. Nothing is to be done, unless it happens often: then look at timeouts of proxies.',
  client_data_invalid:
    'The browser sent a response for the passkey that cannot be read. Update the browser, or try another one.',
  client_not_found: 'No client has this id. `mezctl clients ls` lists them.',
  client_of_app: 'The client belongs to an application and is changed with `mezctl apps oidc`.',
  client_unknown:
    'The program is not registered at the hub, or its registration was removed. `mezctl clients ls` lists clients; register it again.',
  code_invalid:
    'The code is not valid, was used already, or is older than two minutes. Start the login again.',
  code_replayed:
    'A code was used twice, which may be an attack. Its session has ended; sign in again, and look at the trail.',
  confirmation_required:
    'The action needs a fresh confirmation with a passkey. The page leads there; a command prints the address.',
  connect_only: 'The program did not speak the protocol of `msh` on this connection. Use `msh`.',
  connect_timeout:
    'The agent got no connection to the application within `timeouts.connect`. Check the target, and firewalls between them.',
  connector_changed: 'The identity provider was changed during the sign-in. Sign in again.',
  connector_unknown: 'There is no connector of this name. `mezctl sso ls` lists them.',
  cookie_missing:
    'The browser sent no cookie of the sign-in. Allow cookies for the host, and open the application again.',
  counter_went_back:
    'The counter of the passkey went back, so it may be a copy. Remove it with `mezctl users reset-webauthn NAME --id ID`.',
  credential_failed:
    'A plugin could not check the credential of a program. The log of the hub has the error; try again.',
  credentials_ambiguous: 'The request has two credentials, such as a token and a certificate. Send one.',
  cross_origin: 'A page of the hub was opened inside another page. Open it in a tab of its own.',
  database_busy:
    'PostgreSQL has no free connection or memory. Raise `max_connections`, or find what else uses the server.',
  database_full: 'The disk of the database is full. Make space; waiting events are then written.',
  database_read_only:
    'The database accepts no writes: it is a standby or in recovery. `database.url` must name the primary.',
  device_trust_required:
    'The role requires a trusted device, which no plugin of the standard set can prove. Change the role, or add such a plugin.',
  draining: 'The hub is stopping. Try again: another hub, or the new one, takes the request.',
  duration_invalid: 'The duration has another form than `30m`, `8h` or `2d`. Correct it.',
  duration_too_long: 'The role allows access for a shorter time. Ask for less.',
  duration_too_short: 'Access for so short a time cannot be used. Ask for more.',
  expectation_failed:
    'The client sent an `Expect` header with another value than `100-continue`. Correct the client.',
  failed:
    'The connection through the agent failed without a known cause. `mezctl apps test NAME` repeats it; the log has the detail.',
  first_key_by_admin:
    '`first_key: admin` lets only an administrator hand out the first passkey: `mezctl users add-mfa NAME`.',
  forward_failed: 'A plugin failed while the request was prepared. The log names the plugin.',
  forward_refused: 'A plugin set a header that only the hub may set. The log names the plugin.',
  framing_invalid:
    'The request says in two ways how long it is, which is an attack or a broken client. Correct the client.',
  grant_invalid:
    'The code or refresh token of the program is not valid any more. Let the person sign in at the program again.',
  grant_not_live: 'The access that should end has ended already, or never began. Nothing is to be done.',
  handler_timeout:
    'The hub did not complete the call in time. Look at its load and its database, and repeat the call.',
  handover_busy: 'Too many sign-ins are finishing at once. Reload the page in a moment.',
  handover_refused:
    'The one-use code of the sign-in was used or is older than 30 s. Open the application again.',
  headers_too_large:
    'The headers are larger than `header_bytes`. Delete the cookies of the site, or raise the limit.',
  headers_too_many: 'The request has more lines than `header_count`. Correct the client, or raise the limit.',
  host_invalid:
    'The `Host` header is missing, doubled or not a host name. Correct the client or the proxy in front.',
  hostname_invalid: 'The name of the agent is not a host name. Use small letters, digits and hyphens.',
  http2_unavailable:
    'The document demands HTTP/2, and the application does not speak it. Set `http.version` to `1.1` or `auto`.',
  hub_unknown: 'The connection names a hub that is not alive. The agent tries another one by itself.',
}
