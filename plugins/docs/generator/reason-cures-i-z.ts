/** Cause and next step of reason codes from i to z that `reason-cures.ts` does not have. */
export const curesIToZ: Readonly<Record<string, string>> = {
  icon_not_found: 'The application has no icon of its own. Nothing is to be done.',
  id_token_refused:
    'The ID token of the provider failed a check: signature, audience, nonce or time. The log has which; compare clocks and the client id.',
  internal:
    'An error that nobody expected. The log of the hub has it, by the id of the request. Please report it.',
  internal_error:
    'An error that nobody expected. The log of the hub has it, by the id of the request. Please report it.',
  invalid_request:
    'A parameter of the authorization request is missing or not valid. The message names it; correct the program.',
  key_known: 'This passkey was added before. Nothing is to be done.',
  key_missing:
    'The person has no passkey that fits. Add one at `/web/account`, or get a link from an administrator.',
  key_required:
    'A change of passkeys needs a confirmation with an existing one. Confirm, or ask an administrator.',
  key_unknown: 'The passkey belongs to nobody here, or to somebody else. Choose another one.',
  last_admin: 'The change would leave no administrator. Give the role `admin` to somebody else first.',
  last_key: 'Only an administrator removes the last passkey: `mezctl users reset-webauthn NAME`.',
  link_lost:
    'The link between agent and hub broke during the request. The agent returns by itself; `mezctl agents ls` shows it.',
  link_of_another:
    'The link for a passkey was made for another person. Sign in as that person, or ask for a link of your own.',
  link_refused:
    'The link was used, has expired or is not complete. Ask for a new one: `mezctl users add-mfa NAME`.',
  lock_target_invalid: 'A lock names exactly one user, role, session, app or agent. Correct the command.',
  logout: 'The person signed out. Sign in again.',
  method_not_allowed: 'The path exists, but not for this method. [The API](api.md) lists the methods.',
  misdirected: 'The stream of `msh` is for another application. Close the local port and open it again.',
  msh_login_not_allowed:
    'The address of the command line may not sign in, or the person may not. Ask an administrator.',
  no_trusted_proxy:
    'With `proxy_protocol: required`, a connection came from an address outside of `trusted_proxies`. Add the balancer there.',
  not_a_reviewer:
    'No role of the caller reviews this application. `mezctl requests get ID` lists the reviewers.',
  not_requestable:
    'No role lets the person ask for this application. An administrator adds `request` to a role.',
  notifier_not_found: 'No notifier has this name. `mezctl notify ls` and `plugins.notifiers` list them.',
  operator_only:
    'Only the operator may do this: run the command on the machine of the hub, where the admin socket is.',
  order_failed: 'The certificate authority did not issue the certificate. `mezctl certs ls` has its answer.',
  origin_refused: 'The request came from a page of another site. Open the page of the hub itself.',
  origin_wrong:
    'The passkey was used on another host than the sign-in host. Open `/web/account` on the sign-in host.',
  own_request: 'Nobody decides about a request of their own. Let another reviewer decide.',
  page_not_found: 'There is no such page. Check the address, or start at `/`.',
  passkey_not_for_sign_in:
    'This passkey confirms, and does not sign in: the person belongs to a provider. Sign in there.',
  path_ambiguous:
    'Servers would read the path of the request in different ways. Correct the address; [app-rules](../plugins/app-rules.md) has the list.',
  path_not_absolute: 'The file of a backup needs an absolute path. Write the path from `/`.',
  person_required: 'Only a person with a sign-in may do this, not a token or a bot.',
  pipeline_too_long:
    'More requests are waiting on one connection than `requests_per_connection` allows. Send fewer at once.',
  plugin_failed: 'A plugin failed, so the request was refused. The log names the plugin and the error.',
  policy_failed: 'A policy threw or took too long, which counts as a denial. The log names the plugin.',
  protocol_mismatch:
    'A TCP application was opened as a web application, or the reverse. Correct `protocol` or `uri`, or use `msh`.',
  protocol_unknown: 'No plugin serves this kind of application. Load the plugin, or correct `protocol`.',
  provider_refused:
    'The provider says that the person may no longer sign in. Ask the administrator of the provider.',
  provider_unreachable: 'The hub cannot reach the provider. `mezctl sso test NAME` shows which step fails.',
  public_addr_taken: 'Another application has this address. Choose another `public_addr`.',
  public_key_invalid: 'The public key is not P-256 in PEM. Update the program.',
  reason_required: 'A request for access needs a reason. Write one.',
  reason_too_long: 'The reason is too long. Shorten it.',
  recipient_invalid:
    'A recipient of a backup is not a public key. Copy the line that `mezhub backup key FILE` prints; it begins with `age1`.',
  redirect_uri_missing: 'The client has no redirect URI. Add it with `mezctl apps oidc`.',
  relayed: 'The agent has links to three other hubs, which relay for this one. Nothing needs to be done.',
  replaced:
    'A newer connection of the same agent took its place. If it repeats, two machines use the same certificate.',
  request_closed: 'The request for access was already decided, cancelled or has expired.',
  request_exists: 'The person has already asked for this application. `msh request ls` shows the request.',
  request_expired: 'Nobody decided in time. Ask again.',
  request_invalid: 'The request is not valid HTTP. Correct the client, or a proxy that changes it.',
  request_not_allowed:
    'No rule of a role allows this request, or one denies it. `mezctl access explain --method M --path P` shows which.',
  request_not_found: 'No request for access has this id. `mezctl requests ls` lists them.',
  request_pending: 'The request waits for a decision. `mezctl requests ls` shows who may decide.',
  request_timeout: 'The request was not complete in time. Send it again over a faster connection.',
  requester_locked: 'The person who asked is locked. Remove the lock first, or deny the request.',
  resource_invalid:
    'The document is not valid. The message has each path; `mezctl explain KIND` describes the keys.',
  role_not_found: 'No role has this name. `mezctl roles ls` lists them.',
  role_reserved: 'The roles `admin` and `access` are built in. Choose another name.',
  role_unreadable:
    'A stored role cannot be read, so everybody who has it is denied. The log names the fault; store the role again.',
  roles_exceed_own: 'Nobody gives more than they have. Let somebody with that role do it.',
  roles_invalid: 'A name in the list of roles is not valid. Correct the list.',
  roles_too_long: 'The roles of the person do not fit into a header. Give fewer or shorter roles.',
  rotation_phase:
    'The rotation is in another phase. `mezctl auth rotate --type=agent-ca` shows which step comes next.',
  rotation_waiting:
    'Some agents do not trust the new authority yet. Wait until they have connected, or force the step.',
  session_not_found: 'No session has this id, or it has ended. `mezctl sessions ls` lists them.',
  session_unknown: 'The session has ended or never existed. Sign in again.',
  sign_in_again: 'The action needs a sign-in of the last 10 minutes. Sign in again.',
  sign_in_failed: 'The sign-in did not succeed. `user.login.failed` in the trail has the exact cause.',
  sign_in_unavailable:
    'No way to sign in is configured. Create a connector with `mezctl sso create`, or a person with a passkey.',
  target_invalid: 'The request for a target is not `HOST:PORT`. Correct the client.',
  target_too_long: 'Path and query are longer than `uri_bytes`. Send data in the body, or raise the limit.',
  target_unsupported: 'This kind of application has one fixed target. Use a kind that takes targets.',
  token_exists: 'A token of this name exists. Choose another name, or remove the old one.',
  token_makes_no_token: 'A token cannot create tokens. Sign in as a person.',
  token_not_found: 'No token has this id. `mezctl tokens ls` and `mezctl api-tokens ls` list them.',
  too_many_keys: 'The person has as many passkeys as one may have. Remove one first.',
  too_many_renewals: 'The page renewed its session too often. Wait a minute.',
  too_many_streams:
    'The person or the session follows too many streams at once. Close other pages of the dashboard.',
  trailers_too_large:
    'The trailers of a message are larger than 16 KiB. Correct the application or the client.',
  transfer_coding: 'The request uses a transfer coding other than `chunked`. Correct the client.',
  transport_not_offered:
    'The hub does not offer this transport. Correct `tunnel.transports` in `mezd.yaml` or `mezhub.yaml`.',
  ttl_invalid: 'The lifetime is outside of what is allowed. The message has the limits.',
  type_wrong: 'A token or response has another type than expected. Correct the program.',
  unhealthy:
    '`health.path` of the application did not respond with 200 to 399. Read the log of the application.',
  uri_invalid:
    '`uri` is not `http://host:port`, `https://host:port` or `tcp://host:port`. Correct the document.',
  user_deleted: 'The person was removed. Create the account again if that was a mistake.',
  user_exists: 'A person of this name exists. Use `mezctl users update`.',
  user_handle_missing: 'The passkey did not say whose it is. Add it again at `/web/account`.',
  user_handle_wrong: 'The passkey says that it belongs to somebody else. Choose another one.',
  user_has_provider:
    'The person belongs to a provider, so a link that signs in is not made. Make one that adds a passkey only.',
  user_name_invalid: 'The name has characters that a user name may not have. Correct it.',
  user_not_found: 'No person has this name. `mezctl users ls` lists them.',
  user_not_verified: 'The passkey did not verify the person. Use its PIN or a fingerprint.',
  user_unknown: 'Nobody of this name has signed in. Check the spelling, or create the person.',
  verification_failed:
    'The signature of the sender is not valid or too old. Compare the secret at both ends, and the clocks.',
  verify_running: 'The trail is already being verified. Wait for the result.',
  version_unsupported: 'The client speaks another version of HTTP. Use HTTP/1.1 or HTTP/2.',
}
