// Generated from the OpenAPI document of the hub by test/plugins/dashboard/api-types.test.ts. Do not edit.

/** Documents of successful responses that the dashboard reads, by method and path. */
export interface Responses {
  /** Whether a user may open an app, and why */
  'GET /access/explain': { readonly effect: string; readonly reason: string; readonly rule: string | null; readonly votes: readonly ({ readonly plugin: string; readonly role: string | null; readonly effect: string; readonly matcher: string | null; readonly label: string | null; readonly value: string | null })[]; readonly grants: readonly ({ readonly id: string; readonly role: string; readonly until: string })[]; readonly requirements: readonly ({ readonly name: string; readonly met: boolean })[]; readonly lock: { readonly id: string; readonly target: { readonly [name: string]: string }; readonly message: string | null; readonly expires: string | null } | null; readonly connector: { readonly required: string; readonly signed_in_with: string | null; readonly met: boolean } | null; readonly acts_for?: { readonly user: string; readonly effect: string; readonly reason: string } }
  /** Whether a person has a right of administration, why, and who has it */
  'GET /access/explain-admin': { readonly user: string; readonly right: string; readonly effect: string; readonly locked: boolean; readonly api: boolean; readonly rules: readonly ({ readonly role: string; readonly effect: string; readonly kinds: readonly (string)[]; readonly verbs: readonly (string)[]; readonly labels: { readonly [name: string]: readonly (string)[] } | null })[]; readonly holders: readonly (string)[]; readonly holders_count: number }
  /** What a user may open, and why */
  'GET /access/what': readonly ({ readonly app: string; readonly display_name: string; readonly enabled: boolean; readonly roles: readonly (string)[]; readonly requirements: readonly (string)[]; readonly until: string | null })[]
  /** Who may open an app, and why */
  'GET /access/who': readonly ({ readonly user: string; readonly display_name: string | null; readonly bot: boolean; readonly roles: readonly (string)[]; readonly requirements: readonly (string)[]; readonly until: string | null })[]
  /** All agents that may connect */
  'GET /agents': readonly ({ readonly hostname: string; readonly connected: boolean; readonly locked: boolean; readonly since: string | null; readonly version: string | null; readonly transport: string | null; readonly key_exchange: string | null; readonly rtt_ms: number | null; readonly streams: number; readonly apps: readonly (string)[]; readonly cert_expires: string })[]
  /** All API tokens */
  'GET /api-tokens': readonly ({ readonly id: string; readonly name: string; readonly roles: readonly (string)[]; readonly creator: string; readonly created: string | null; readonly expires: string | null; readonly used_at: string | null })[]
  /** All apps with their state */
  'GET /apps': readonly ({ readonly kind: "app"; readonly version: "v1"; readonly metadata: { readonly name: string; readonly description?: string; readonly labels?: { readonly [name: string]: string }; readonly expires?: string }; readonly spec: { readonly uri: string; readonly public_addr?: string; readonly aliases?: readonly (string)[]; readonly required_apps?: readonly (string)[]; readonly domain?: string; readonly protocol?: string; readonly agents?: readonly (string)[]; readonly display?: { readonly name?: string; readonly description?: string; readonly icon?: string; readonly group?: string }; readonly connector?: string; readonly enabled?: boolean; readonly tls?: { readonly verify?: boolean; readonly server_name?: string; readonly ca?: string }; readonly http?: { readonly version?: "1.1" | "h2" | "h2c" | "auto" }; readonly rewrite?: { readonly host?: string }; readonly identity_headers?: { readonly [name: string]: string }; readonly headers?: { readonly request?: { readonly set?: { readonly [name: string]: string | { readonly value: string } | { readonly stored: true } }; readonly remove?: readonly (string)[]; readonly pass?: readonly (string)[] }; readonly response?: { readonly set?: { readonly [name: string]: string }; readonly remove?: readonly (string)[] } }; readonly origins?: readonly (string)[]; readonly timeouts?: { readonly connect?: string; readonly response?: string; readonly idle?: string }; readonly health?: { readonly path: string; readonly interval?: string }; readonly plugins?: { readonly 'authorization-server'?: { readonly programs?: "on" | "off" }; readonly 'public-paths'?: { readonly rules: readonly ({ readonly name: string; readonly methods: readonly (string)[]; readonly paths: readonly (string)[]; readonly verify: "anyone" | { readonly hmac: { readonly preset?: "github" | "stripe" | "slack" | "standard-webhooks" | "gitlab"; readonly header?: string; readonly secret: string | readonly (string)[]; readonly algorithm?: "sha1" | "sha256" | "sha384" | "sha512"; readonly encoding?: "hex" | "base64"; readonly prefix?: string; readonly timestamp_header?: string; readonly signed?: string; readonly tolerance?: string; readonly replay?: string; readonly max_body?: number } } | { readonly networks: readonly (string)[] } | { readonly secret_header: { readonly header: string; readonly secret: string | readonly (string)[] } } | { readonly client_certificate: { readonly ca: string; readonly names: readonly (string)[] } }; readonly rate?: string })[] }; readonly 'signed-intent'?: { readonly sentences: readonly ({ readonly methods: readonly (string)[]; readonly path: string; readonly text: string })[] }; readonly [name: string]: unknown } }; readonly status: { readonly etag: string; readonly state: string; readonly reason: string | null; readonly locked: boolean; readonly agents: readonly ({ readonly hostname: string; readonly connected: boolean; readonly since: string | null; readonly transport: string | null; readonly rtt_ms: number | null; readonly last_error: string | null })[]; readonly url: string | null; readonly certificate: { readonly state: string; readonly error: string | null } | null; readonly sessions: number; readonly streams: number } })[]
  /** The newest matching events of the audit trail, oldest first */
  'GET /audit': readonly ({ readonly id: string; readonly type: string; readonly time: string; readonly cluster: string; readonly hub: string; readonly user: string | null; readonly roles: readonly (string)[] | null; readonly client_ip: string | null; readonly session_id: string | null; readonly request_id: string | null; readonly success: boolean; readonly reason: string | null; readonly [name: string]: unknown })[]
  /** All connectors */
  'GET /connectors': readonly ({ readonly kind: "oidc"; readonly version: "v1"; readonly metadata: { readonly name: string; readonly description?: string; readonly labels?: { readonly [name: string]: string }; readonly expires?: string }; readonly spec: { readonly issuer_url: string; readonly client_id: string; readonly token_auth: "auto" | "client_secret_basic" | "client_secret_post" | "private_key_jwt"; readonly scopes: readonly (string)[]; readonly username_claim: string; readonly require_verified_email: boolean; readonly claims_to_roles: readonly ({ readonly claim: string; readonly value: string; readonly roles: readonly (string)[] })[]; readonly recheck?: string; readonly recheck_grace?: string }; readonly status: { readonly etag: string; readonly redirect_uri: string; readonly client_secret_stored: boolean; readonly private_key_stored: boolean } })[]
  /** Pages that plugins add to the dashboard */
  'GET /dashboard/pages': readonly ({ readonly path: string; readonly title: string })[]
  /** The content of a page that a plugin adds */
  'GET /dashboard/pages/{path}': { readonly title: string; readonly blocks: readonly ({ readonly kind: "text"; readonly text: string } | { readonly kind: "facts"; readonly facts: readonly (readonly (string | number | null | { readonly text: string; readonly href: string } | { readonly time: number } | { readonly kind: "form"; readonly title: string; readonly method: string; readonly path: string; readonly submit: string; readonly destructive: boolean; readonly effect?: string; readonly confirm?: string; readonly fields: readonly ({ readonly name: string; readonly label: string; readonly type: string; readonly value: string | number | boolean; readonly options?: readonly (string)[] })[] })[])[] } | { readonly kind: "table"; readonly title: string; readonly columns: readonly (string)[]; readonly rows: readonly (readonly (string | number | null | { readonly text: string; readonly href: string } | { readonly time: number } | { readonly kind: "form"; readonly title: string; readonly method: string; readonly path: string; readonly submit: string; readonly destructive: boolean; readonly effect?: string; readonly confirm?: string; readonly fields: readonly ({ readonly name: string; readonly label: string; readonly type: string; readonly value: string | number | boolean; readonly options?: readonly (string)[] })[] })[])[]; readonly total?: number; readonly empty: string; readonly layout?: { readonly rest?: number; readonly hidden: readonly (number)[]; readonly phone?: { readonly first: number; readonly second?: number; readonly firstEnd?: number; readonly secondEnd?: number } } } | { readonly kind: "form"; readonly title: string; readonly method: string; readonly path: string; readonly submit: string; readonly destructive: boolean; readonly effect?: string; readonly confirm?: string; readonly fields: readonly ({ readonly name: string; readonly label: string; readonly type: string; readonly value: string | number | boolean; readonly options?: readonly (string)[] })[] })[] }
  /** The panels that plugins add to the page of an app */
  'GET /dashboard/panels/{name}': readonly ({ readonly title: string; readonly blocks: readonly ({ readonly kind: "text"; readonly text: string } | { readonly kind: "facts"; readonly facts: readonly (readonly (string | number | null | { readonly text: string; readonly href: string } | { readonly time: number } | { readonly kind: "form"; readonly title: string; readonly method: string; readonly path: string; readonly submit: string; readonly destructive: boolean; readonly effect?: string; readonly confirm?: string; readonly fields: readonly ({ readonly name: string; readonly label: string; readonly type: string; readonly value: string | number | boolean; readonly options?: readonly (string)[] })[] })[])[] } | { readonly kind: "table"; readonly title: string; readonly columns: readonly (string)[]; readonly rows: readonly (readonly (string | number | null | { readonly text: string; readonly href: string } | { readonly time: number } | { readonly kind: "form"; readonly title: string; readonly method: string; readonly path: string; readonly submit: string; readonly destructive: boolean; readonly effect?: string; readonly confirm?: string; readonly fields: readonly ({ readonly name: string; readonly label: string; readonly type: string; readonly value: string | number | boolean; readonly options?: readonly (string)[] })[] })[])[]; readonly total?: number; readonly empty: string; readonly layout?: { readonly rest?: number; readonly hidden: readonly (number)[]; readonly phone?: { readonly first: number; readonly second?: number; readonly firstEnd?: number; readonly secondEnd?: number } } } | { readonly kind: "form"; readonly title: string; readonly method: string; readonly path: string; readonly submit: string; readonly destructive: boolean; readonly effect?: string; readonly confirm?: string; readonly fields: readonly ({ readonly name: string; readonly label: string; readonly type: string; readonly value: string | number | boolean; readonly options?: readonly (string)[] })[] })[] | null })[]
  /** How many people have each role */
  'GET /dashboard/people-by-role': { readonly [name: string]: number }
  /** Invitations that nobody has used yet, with whether they work */
  'GET /invitations': readonly ({ readonly id: string; readonly name: string; readonly roles: readonly (string)[]; readonly inviter: string; readonly created: string; readonly expires: string; readonly state: string })[]
  /** All locks */
  'GET /locks': readonly ({ readonly id: string; readonly target: { readonly user?: string; readonly role?: string; readonly session?: string; readonly app?: string; readonly agent?: string }; readonly message: string | null; readonly created: string; readonly expires: string | null; readonly by: string | null })[]
  /** The signed-in person */
  'GET /me': { readonly user: string; readonly roles: readonly (string)[]; readonly locked: { readonly message: string | null } | null }
  /** The apps that the person may open */
  'GET /me/apps': readonly ({ readonly name: string; readonly protocol: string; readonly public_addr: string; readonly labels: { readonly [name: string]: string }; readonly display_name: string; readonly description: string | null; readonly group: string | null; readonly icon: string | null; readonly url: string | null; readonly state: "ready" | "unreachable" | "disabled"; readonly requirements: readonly (string)[]; readonly request_path: string | null })[]
  /** The rights of administration of the caller */
  'GET /me/rights': { readonly [name: string]: "all" | "some" }
  /** All roles with a document */
  'GET /roles': readonly ({ readonly kind: "role"; readonly version: "v1"; readonly metadata: { readonly name: string; readonly description?: string; readonly labels?: { readonly [name: string]: string }; readonly expires?: string }; readonly spec: { readonly options?: { readonly max_session_ttl?: string | number; readonly idle_timeout?: string | number; readonly require_session_mfa?: true | false | "webauthn" | "hardware_key" | "off"; readonly require_device_trust?: boolean; readonly confirm_changes?: string | number; readonly admin_idle_timeout?: string | number; readonly mfa_freshness?: string | number }; readonly allow?: { readonly app_labels?: { readonly [name: string]: string | readonly (string)[] }; readonly admin?: readonly ({ readonly kinds: readonly (string)[]; readonly verbs: readonly ("list" | "read" | "create" | "update" | "delete" | "enable" | "end" | "review" | "invite" | "*")[]; readonly where?: { readonly labels: { readonly [name: string]: string | readonly (string)[] } } })[]; readonly client_networks?: { readonly networks: readonly (string)[]; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } }; readonly countries?: { readonly codes: readonly (string)[]; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } }; readonly app_rules?: readonly ({ readonly name?: string; readonly methods: readonly (string)[]; readonly paths: readonly (string)[]; readonly upgrade?: "websocket"; readonly query?: { readonly has?: readonly (string)[]; readonly equals?: { readonly [name: string]: string } }; readonly operations?: { readonly mcp?: readonly (string)[]; readonly jsonrpc?: readonly (string)[]; readonly grpc?: readonly (string)[]; readonly graphql?: readonly (string)[]; readonly record?: readonly (string)[] }; readonly require?: { readonly confirm_within?: string; readonly signature?: true; readonly signer?: "other" }; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } })[]; readonly request?: { readonly roles?: readonly (string)[]; readonly max_duration?: string; readonly reason?: "required" | "optional"; readonly approvals?: number; readonly break_glass?: boolean; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } }; readonly review?: { readonly roles?: readonly (string)[]; readonly passkey?: boolean; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } }; readonly devices?: { readonly max_age: string; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } } }; readonly deny?: { readonly app_labels?: { readonly [name: string]: string | readonly (string)[] }; readonly admin?: readonly ({ readonly kinds: readonly (string)[]; readonly verbs: readonly ("list" | "read" | "create" | "update" | "delete" | "enable" | "end" | "review" | "invite" | "*")[]; readonly where?: { readonly labels: { readonly [name: string]: string | readonly (string)[] } } })[]; readonly app_rules?: readonly ({ readonly name?: string; readonly methods: readonly (string)[]; readonly paths: readonly (string)[]; readonly upgrade?: "websocket"; readonly query?: { readonly has?: readonly (string)[]; readonly equals?: { readonly [name: string]: string } }; readonly operations?: { readonly mcp?: readonly (string)[]; readonly jsonrpc?: readonly (string)[]; readonly grpc?: readonly (string)[]; readonly graphql?: readonly (string)[]; readonly record?: readonly (string)[] }; readonly require?: { readonly confirm_within?: string; readonly signature?: true; readonly signer?: "other" }; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } })[] } }; readonly status?: { readonly etag: string } })[]
  /** The last 20 versions of a role, the newest first, which is the one in force */
  'GET /roles/{name}/versions': readonly ({ readonly version: number; readonly saved: string | null; readonly saved_by: string | null; readonly document: { readonly kind: "role"; readonly version: "v1"; readonly metadata: { readonly name: string; readonly description?: string; readonly labels?: { readonly [name: string]: string }; readonly expires?: string }; readonly spec: { readonly options?: { readonly max_session_ttl?: string | number; readonly idle_timeout?: string | number; readonly require_session_mfa?: true | false | "webauthn" | "hardware_key" | "off"; readonly require_device_trust?: boolean; readonly confirm_changes?: string | number; readonly admin_idle_timeout?: string | number; readonly mfa_freshness?: string | number }; readonly allow?: { readonly app_labels?: { readonly [name: string]: string | readonly (string)[] }; readonly admin?: readonly ({ readonly kinds: readonly (string)[]; readonly verbs: readonly ("list" | "read" | "create" | "update" | "delete" | "enable" | "end" | "review" | "invite" | "*")[]; readonly where?: { readonly labels: { readonly [name: string]: string | readonly (string)[] } } })[]; readonly client_networks?: { readonly networks: readonly (string)[]; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } }; readonly countries?: { readonly codes: readonly (string)[]; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } }; readonly app_rules?: readonly ({ readonly name?: string; readonly methods: readonly (string)[]; readonly paths: readonly (string)[]; readonly upgrade?: "websocket"; readonly query?: { readonly has?: readonly (string)[]; readonly equals?: { readonly [name: string]: string } }; readonly operations?: { readonly mcp?: readonly (string)[]; readonly jsonrpc?: readonly (string)[]; readonly grpc?: readonly (string)[]; readonly graphql?: readonly (string)[]; readonly record?: readonly (string)[] }; readonly require?: { readonly confirm_within?: string; readonly signature?: true; readonly signer?: "other" }; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } })[]; readonly request?: { readonly roles?: readonly (string)[]; readonly max_duration?: string; readonly reason?: "required" | "optional"; readonly approvals?: number; readonly break_glass?: boolean; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } }; readonly review?: { readonly roles?: readonly (string)[]; readonly passkey?: boolean; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } }; readonly devices?: { readonly max_age: string; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } } }; readonly deny?: { readonly app_labels?: { readonly [name: string]: string | readonly (string)[] }; readonly admin?: readonly ({ readonly kinds: readonly (string)[]; readonly verbs: readonly ("list" | "read" | "create" | "update" | "delete" | "enable" | "end" | "review" | "invite" | "*")[]; readonly where?: { readonly labels: { readonly [name: string]: string | readonly (string)[] } } })[]; readonly app_rules?: readonly ({ readonly name?: string; readonly methods: readonly (string)[]; readonly paths: readonly (string)[]; readonly upgrade?: "websocket"; readonly query?: { readonly has?: readonly (string)[]; readonly equals?: { readonly [name: string]: string } }; readonly operations?: { readonly mcp?: readonly (string)[]; readonly jsonrpc?: readonly (string)[]; readonly grpc?: readonly (string)[]; readonly graphql?: readonly (string)[]; readonly record?: readonly (string)[] }; readonly require?: { readonly confirm_within?: string; readonly signature?: true; readonly signer?: "other" }; readonly app_labels?: { readonly [name: string]: string | readonly (string)[] } })[] } } } })[]
  /** All live sessions */
  'GET /sessions': readonly ({ readonly id: string; readonly kind: string; readonly user: string; readonly app: string | null; readonly apps: readonly (string)[]; readonly program: string | null; readonly client: string | null; readonly parent: string | null; readonly created: string; readonly last_used: string; readonly expires: string; readonly client_ip: string; readonly mfa: boolean; readonly streams: number })[]
  /** The status of this cluster */
  'GET /status': { readonly cluster: string | null; readonly version: string | null; readonly hubs: readonly ({ readonly id: string; readonly version: string; readonly since: string })[] | null; readonly agents: number | null; readonly apps: number | null; readonly sessions: number | null; readonly attention: readonly ({ readonly kind: string; readonly subject: string; readonly message: string })[] | null; readonly certificates: readonly ({ readonly subject: string; readonly expires: string })[] | null; readonly database: { readonly driver: string; readonly view_age_ms: number } | null; readonly audit: readonly ({ readonly name: string; readonly queued: number; readonly dropped: number; readonly failures: number })[] | null; readonly jobs: readonly ({ readonly name: string; readonly state: string; readonly hub: string | null; readonly last_run: string | null; readonly result: string | null; readonly failures: number; readonly next_run: string | null })[] | null; readonly plugins?: readonly ({ readonly name: string; readonly version: string | null; readonly summary: string; readonly provides: readonly (string)[]; readonly taps: readonly (string)[]; readonly source: string | null; readonly rights: readonly (string)[]; readonly status: string | null; readonly reads_strangers: boolean | null; readonly fuzzed: boolean | null; readonly start_ms: number | null })[]; readonly parts?: readonly ({ readonly name: string; readonly needs: readonly (string)[]; readonly after: { readonly [name: string]: string }; readonly start_ms: number | null })[]; readonly steps?: readonly ({ readonly step: string; readonly runs: string; readonly plugins: readonly (string)[] })[] }
  /** All join tokens */
  'GET /tokens': readonly ({ readonly id: string; readonly name: null; readonly roles: readonly (string)[]; readonly agent_hostname: string | null; readonly created: string; readonly expires: string; readonly used_at: string | null })[]
  /** Requests, errors, latency and bytes over time, summed over all hubs */
  'GET /traffic': { readonly step_seconds: number; readonly points: readonly ({ readonly time: string; readonly requests: number; readonly errors: number; readonly p50_ms: number | null; readonly p95_ms: number | null; readonly bytes_in: number; readonly bytes_out: number; readonly sessions: number })[] }
  /** All users */
  'GET /users': readonly ({ readonly name: string; readonly display_name: string | null; readonly etag: string; readonly locked: boolean; readonly roles: readonly (string)[]; readonly own_roles: readonly (string)[]; readonly mapped_roles: readonly (string)[]; readonly identity: { readonly issuer: string; readonly sub: string } | null; readonly connector: string | null; readonly created: string; readonly last_login: string | null; readonly grants: readonly ({ readonly id: string; readonly role: string; readonly apps: readonly (string)[] | null; readonly app_names: readonly (string)[] | null; readonly until: string })[] })[]
  /** Passkeys and open enrolment links of a user */
  'GET /users/{name}/mfa': readonly ({ readonly id: string; readonly kind: "key" | "link"; readonly type: string; readonly name: string | null; readonly level: string | null; readonly synced: boolean | null; readonly aaguid: string | null; readonly created: string | null; readonly last_used: string | null; readonly expires: string | null })[]
  /** Who opened which app in a time, how often and when last; the last 500 pairs */
  'GET /visits': readonly ({ readonly user: string | null; readonly app: string | null; readonly requests: number; readonly last: string })[]
  /** How many may open an app as a document has it, which is not stored */
  'POST /access/who': { readonly people: number; readonly bots: number; readonly roles: { readonly [name: string]: number } }
  /** Creates an API token */
  'POST /api-tokens': { readonly id: string; readonly name: string; readonly roles: readonly (string)[]; readonly creator: string; readonly created: string | null; readonly expires: string | null; readonly used_at: string | null; readonly token: string }
  /** Checks an app document and connects to the app from its agents, without saving it */
  'POST /apps/test': { readonly url: string | null; readonly agents: readonly ({ readonly hostname: string; readonly ok: boolean; readonly reason: string | null; readonly error: string | null; readonly ms: number })[] }
  /** Tests a connector that is not saved */
  'POST /connectors/test': { readonly ok: boolean; readonly connector: string; readonly issuer: string; readonly redirect_uri: string; readonly post_logout_redirect_uri: string; readonly backchannel_logout_uri: string; readonly sign_in_test_uri?: string; readonly checks: readonly ({ readonly name: string; readonly result: string; readonly detail: string })[] }
  /** Invite a person: makes a link that works once */
  'POST /invitations': { readonly id: string; readonly name: string; readonly roles: readonly (string)[]; readonly inviter: string; readonly created: string; readonly expires: string; readonly state: string; readonly link: string }
  /** Who would gain and who would lose access to what if the role were saved */
  'POST /roles/preview': { readonly users: number; readonly opens: number; readonly apps: number; readonly groups: readonly ({ readonly users: readonly (string)[]; readonly gains: readonly (string)[]; readonly loses: readonly (string)[] })[]; readonly requests: { readonly requests: number; readonly users: number; readonly complete: boolean; readonly refused: number; readonly examples: readonly ({ readonly user: string; readonly app: string; readonly method: string; readonly path: string; readonly count: number })[] } | null }
  'POST /tokens': { readonly id: string; readonly token: string; readonly ca_pin: string; readonly command: string }
  'POST /users/{name}/mfa': { readonly id: string; readonly link: string; readonly expires: string; readonly needs_sign_in: boolean }
}

/** A right of administration that a route needs. */
export type Right =
  | 'access.read'
  | 'agent.delete'
  | 'agent.list'
  | 'agent.read'
  | 'api-token.create'
  | 'api-token.delete'
  | 'api-token.list'
  | 'app.create'
  | 'app.delete'
  | 'app.enable'
  | 'app.list'
  | 'app.read'
  | 'app.update'
  | 'app_source.delete'
  | 'app_source.list'
  | 'app_source.read'
  | 'app_source.update'
  | 'audit.list'
  | 'audit.read'
  | 'authority.read'
  | 'authority.update'
  | 'backup.create'
  | 'bot.delete'
  | 'bot.list'
  | 'bot.read'
  | 'bot.update'
  | 'certificate.list'
  | 'certificate.read'
  | 'connector.delete'
  | 'connector.list'
  | 'connector.read'
  | 'connector.update'
  | 'dashboard.list'
  | 'dashboard.read'
  | 'device.delete'
  | 'device.list'
  | 'device.read'
  | 'invitation.create'
  | 'invitation.delete'
  | 'invitation.list'
  | 'lock.create'
  | 'lock.delete'
  | 'lock.list'
  | 'notification.create'
  | 'notification.list'
  | 'passkey.create'
  | 'passkey.delete'
  | 'passkey.list'
  | 'proposal.delete'
  | 'proposal.list'
  | 'proposal.review'
  | 'request.create'
  | 'role.delete'
  | 'role.list'
  | 'role.read'
  | 'role.update'
  | 'session.end'
  | 'session.list'
  | 'status.read'
  | 'token.create'
  | 'token.delete'
  | 'token.list'
  | 'traffic.list'
  | 'traffic.read'
  | 'user.create'
  | 'user.delete'
  | 'user.list'
  | 'user.read'
  | 'user.update'
