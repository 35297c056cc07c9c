import { defineReasons } from '@mezite/core'

export const { reasons, problemFor } = defineReasons({
  app_client_not_found: { status: 404, next: 'No client of the authorization server has this id. `mezctl clients ls` lists them.' },
  client_exists: { status: 409, next: 'An administrator has made a program of this name already: `mezctl clients ls`. Remove it, or choose another name.' },
  client_not_found: { status: 404, next: 'No client has this id. `mezctl clients ls` lists them.' },
  client_of_app: { status: 400, next: 'The client belongs to an application and is changed with `mezctl apps oidc`.' },
  client_unknown: { status: 400, en: 'This program is not known any more.', next: 'The program is not registered at the hub, or its registration was removed. `mezctl clients ls` lists clients; register it again.' },
  invalid_client: {
    next: 'The program is not known here, or did not prove itself. A bot is `bot:NAME` as client_id and presents exactly one proof; `mezctl audit ls --type user.login.failed` has the reason of a refused proof. Programs of a publisher that `clients` of the plugin does not name are refused. A person’s program registers again.',
  },
  invalid_grant: { next: 'The code or refresh token was used before, has expired, or belongs to another program, or the person’s access has ended. A second use ends all tokens of the consent: the person lets the program in again. For an assertion of a provider, `detail` of the record says what is wrong with it.' },
  invalid_redirect_uri: { next: 'The redirect URI is not one of those of the program. It is compared byte by byte; only the port of a loopback address is free.' },
  invalid_scope: { next: 'The program asks for a scope that the hub does not have. Tokens for applications have the scope `app`.' },
  invalid_target: { next: 'The parameter `resource` is not the address of one application that accepts programs, such as https://grafana.apps.example.com/, or not one that the person allowed. For an assertion, no rule in `assertions` of the plugin fits program, person and audience.' },
  programs_off: { status: 403, next: 'The application does not accept programs. Its document says `plugins: { authorization-server: { programs: off } }`; people open it in a browser.' },
  publisher_not_allowed: {
    status: 403,
    en: 'Your organization does not allow programs of this publisher.',
    de: 'Ihre Organisation lässt Programme dieses Herausgebers nicht zu.',
    next: 'The program is known by metadata at an address whose origin is not in `clients` of the plugin `authorization-server`. Add the origin there and restart the hub, or refuse the wish.',
  },
  redirect_uri_invalid: { status: 400, next: 'A redirect URI of a program is https, http to 127.0.0.1, [::1] or localhost, or has a private scheme with a dot such as com.example.app:/done; without a fragment and without a user.' },
  redirect_uri_missing: { status: 400, next: 'The client has no redirect URI. Add it with `mezctl apps oidc`.' },
  registration_off: { next: 'A program tried to register itself, which is off. If it can publish its metadata, give it the https URL of them as client_id; a job without a person gets a bot (`mezctl bots create`); else set `registration: true` for the plugin `authorization-server`, which lets any program register.' },
  request_expired: { status: 400, en: 'This request has expired. Start again in the program.', next: 'Nobody decided in time. Ask again.' },
  token_invalid: { next: 'A token at an application has the wrong form, or no valid proof of its key: `msh token APP` prints a new one, and a program refreshes its own. A join token of an agent was used, has expired or is wrong: `mezctl tokens create` prints a new one.' },
  token_misplaced: { next: 'A token or secret of the hub came in a header where the hub does not take it, and was kept from the application. Send an access token as `Authorization: Bearer TOKEN`, as user or password of Basic, or as `Mezite-Token`.' },
  unauthorized_client: { next: 'The bot proved itself, but may not open the application: `error_description` has the reason of the gate. `mezctl access explain --user bot:NAME --app APP` shows which role or lock decided.' },
  unsupported_grant_type: { next: 'The hub does not have this grant. Programs of people use authorization_code, refresh_token and device_code, or jwt-bearer where `enterprise` of the plugin names a provider; bots client_credentials and token exchange.' },
})
