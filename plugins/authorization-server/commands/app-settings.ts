/** The OpenID client of an app, as `mezctl apps oidc` prints it. */
export interface PrintedClient {
  readonly client_id: string
  /** Null: it was shown when it was made. */
  readonly client_secret: string | null
  readonly issuer: string
  readonly redirect_uris: readonly string[]
}

/** What to write into the configuration of an application that is known. */
export interface AppSettings {
  readonly title: string
  /** Where the text belongs. */
  readonly where: string
  readonly text: string
}

interface Values {
  readonly id: string
  readonly secret: string
  readonly issuer: string
  readonly redirectUri: string
  readonly origin: string
  /** The groups of `path`. */
  readonly parts: readonly string[]
}

interface KnownApp {
  readonly title: string
  readonly where: string
  /** The path at which the application receives people tells which one it is. */
  readonly path: RegExp
  text(values: Values): string
}

const discovery = (issuer: string) => `${issuer}/.well-known/openid-configuration`

const KNOWN: readonly KnownApp[] = [
  {
    title: 'Grafana',
    where: 'grafana.ini',
    path: /\/login\/generic_oauth$/,
    text: ({ id, secret, issuer }) => `[auth.generic_oauth]
enabled = true
name = Mezite
client_id = ${id}
client_secret = ${secret}
scopes = openid profile email groups
auth_url = ${issuer}/v1/oauth/authorize
token_url = ${issuer}/v1/oauth/token
api_url = ${issuer}/v1/oauth/userinfo
use_pkce = true
login_attribute_path = preferred_username
role_attribute_path = contains(groups[*], 'grafana-admin') && 'Admin' || 'Viewer'`,
  },
  {
    title: 'Gitea',
    where: 'the command line of Gitea',
    path: /\/user\/oauth2\/([\w-]+)\/callback$/,
    text: ({ id, secret, issuer, parts: [name] }) => `gitea admin auth add-oauth --name ${name} \\
  --provider openidConnect --key ${id} --secret ${secret} \\
  --auto-discover-url ${discovery(issuer)} \\
  --scopes profile --scopes email --scopes groups --group-claim-name groups`,
  },
  {
    title: 'GitLab',
    where: '/etc/gitlab/gitlab.rb',
    path: /\/users\/auth\/openid_connect\/callback$/,
    text: ({
      id,
      secret,
      issuer,
      redirectUri,
    }) => `gitlab_rails['omniauth_allow_single_sign_on'] = ['openid_connect']
gitlab_rails['omniauth_providers'] = [{
  name: 'openid_connect', label: 'Mezite',
  args: {
    name: 'openid_connect', response_type: 'code', discovery: true, pkce: true,
    scope: ['openid', 'profile', 'email', 'groups'], uid_field: 'sub',
    issuer: '${issuer}', client_auth_method: 'basic',
    client_options: {
      identifier: '${id}', secret: '${secret}',
      redirect_uri: '${redirectUri}'
    }
  }
}]`,
  },
  {
    title: 'Argo CD',
    where: 'the ConfigMap argocd-cm',
    path: /^https:\/\/[^/]*argo[^/]*\/auth\/callback$/,
    text: ({ id, secret, issuer, origin }) => `url: ${origin}
oidc.config: |
  name: Mezite
  issuer: ${issuer}
  clientID: ${id}
  clientSecret: ${secret}
  enablePKCEAuthentication: true
  requestedScopes: [openid, profile, email, groups]`,
  },
  {
    title: 'Jenkins',
    where: 'configuration as code, with the plugin oic-auth',
    path: /\/securityRealm\/finishLogin$/,
    text: ({ id, secret, issuer }) => `jenkins:
  securityRealm:
    oic:
      clientId: ${id}
      clientSecret: ${secret}
      serverConfiguration:
        wellKnown:
          wellKnownOpenIDConfigurationUrl: ${discovery(issuer)}
          scopesOverride: openid profile email groups
      userNameField: preferred_username
      fullNameFieldName: name
      emailFieldName: email
      groupsFieldName: groups
      pkceEnabled: true`,
  },
  {
    title: 'Nextcloud',
    where: 'the command line of Nextcloud, with the app user_oidc',
    path: /\/apps\/user_oidc\/code$/,
    text: ({ id, secret, issuer }) => `occ user_oidc:provider mezite --clientid=${id} \\
  --clientsecret=${secret} --discoveryuri=${discovery(issuer)} \\
  --scope="openid profile email groups" --unique-uid=0 \\
  --mapping-uid=preferred_username --mapping-display-name=name \\
  --mapping-email=email --mapping-groups=groups --group-provisioning=1`,
  },
]

/** The settings of the application that the redirect URIs belong to; null for one that is not known. */
export function settingsOf(client: PrintedClient): AppSettings | null {
  const { client_id: id, client_secret: secret, issuer } = client
  for (const redirectUri of client.redirect_uris)
    for (const { title, where, path, text } of KNOWN) {
      const url = URL.parse(redirectUri)
      const found = url && url.search === '' ? path.exec(redirectUri) : null
      if (url === null || found === null) continue
      const [, ...parts] = found
      const values = { id, secret: secret ?? 'CLIENT_SECRET', issuer, redirectUri, origin: url.origin, parts }
      return { title, where, text: text(values) }
    }
  return null
}
