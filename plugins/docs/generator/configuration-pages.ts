import { agentSchema } from '../../../agent/agent-schema.ts'
import { limitsSchema } from '../../../core/base/limits/limits-schema.ts'
import { hubSchema } from '../../../core/hub/config/hub-schema.ts'
import { keysOf, type Schema, schemaOfPlugin } from './schema-pages.ts'
import { numberIn } from './source-texts.ts'

const HEAD = '<!-- Written by `npm run docs`. -->\n\n'

/** Pages with more about a section of a file. */
const MORE: Readonly<Record<string, string>> = {
  database: '[Move to PostgreSQL](../how-to/postgresql.md) has the steps.',
  diagnostics: '[Monitoring](../how-to/monitoring.md) says what each path serves.',
  plugins: '[Configuration of plugins](plugin-configuration.md) has the keys of each.',
  proxy:
    'More: [certificates](../how-to/certificates.md), [load balancers](../how-to/load-balancer.md), [several hubs and processes](../how-to/several-hubs.md), and `proxy.limits` in [limits](limits.md).',
  tunnel: '[The tunnel and its transports](../understand/tunnel.md) explains them.',
}

/** A section with a heading for each key of the first level, since people search for the names. */
function sectionsOf(schema: Schema, file: string): string {
  const { properties = {}, required = [] } = schema
  const single = Object.entries(properties).filter(([, { properties }]) => properties === undefined)
  const groups = Object.entries(properties).filter(([, { properties }]) => properties !== undefined)
  const only = (entries: typeof single): Schema => ({ properties: Object.fromEntries(entries), required })
  return [
    `### Single keys of ${file}`,
    keysOf(only(single.filter(([key]) => key !== 'plugins'))).join('\n'),
    ...groups.flatMap(([key, inner]) => [
      `### ${key} in ${file}`,
      keysOf(withoutLimits(inner), `${key}.`).join('\n'),
      ...(file === 'mezhub.yaml' && MORE[key] ? [MORE[key]] : []),
    ]),
    `### plugins in ${file}`,
    keysOf(only(single.filter(([key]) => key === 'plugins'))).join('\n'),
    MORE.plugins!,
  ].join('\n\n')
}

const withoutLimits = ({ properties = {}, required = [] }: Schema): Schema => ({
  properties: Object.fromEntries(Object.entries(properties).filter(([key]) => key !== 'limits')),
  required,
})

/** Every key of `mezhub.yaml` and `mezd.yaml`, from the schemas that the programs check. */
export function configurationPage(): string {
  return `${HEAD}# Configuration

Hub and agent each read one YAML file. Unknown keys stop the start. \`mezhub config check --config FILE\` and
\`mezd config check --config FILE\` report every problem with file, line and path. \`mezhub config schema\` prints the JSON Schema for
editors, with the keys of the plugins.

## mezhub.yaml

Each key can also be set by an environment variable, except those below \`plugins\`: \`proxy.apps_domain\` is
\`MEZITE_PROXY_APPS_DOMAIN\`. Lists are separated by commas. A variable with \`_FILE\` at its end names a file that has the value.

${sectionsOf(hubSchema as unknown as Schema, 'mezhub.yaml')}

## mezd.yaml

The flags of \`mezd start\` take precedence. \`MEZITE_JOIN_TOKEN\` and \`MEZITE_JOIN_TOKEN_FILE\` also set the token. If an agent does
not connect, \`mezd doctor\` tests DNS, TCP, TLS, the HTTP proxy, the clock and each transport, and says who can repair it.

${sectionsOf(agentSchema as unknown as Schema, 'mezd.yaml')}
`
}

/** Every limit: those of the schemas, and the constants of the sources. */
export async function limitsPage(): Promise<string> {
  const signIn = 'core/web/desk/sign-in-rate.ts'
  const streams = 'plugins/dashboard/event-streams.ts'
  const sessions = 'core/gate/sessions/session-insert.ts'
  const plugins = await Promise.all(['http-apps', 'tcp-apps', 'authorization-server'].map(schemaOfPlugin))
  const limited = ({ properties = {} }: Schema): Schema => ({
    properties: Object.fromEntries(
      Object.entries(properties).filter(([key]) => /_per_|^most_|^max_/.test(key)),
    ),
  })
  const { tunnel } = hubSchema.properties as unknown as Record<string, Schema>
  return `${HEAD}# Limits

A flood costs its sender, and nobody else. Every limit counts on one hub. An address is an IPv4 address or an IPv6 /64 network (for connections and joins also its /48, which gets four times as much);
behind \`trusted_proxies\`, it is the address of the client. A client that has just sent a flood on one connection (more pipelined requests than
\`requests_per_connection\`, more than 200 cancelled requests at once, or useless frames of HTTP/2) waits 3 s for its next connection. Responses to refused requests carry \`Retry-After\`, and refusals are in
the audit trail and the log.

## Public port

Keys of \`mezhub.yaml\`. The limit of \`connections\` is lower where \`ulimit -n\` is lower, with a warning at the start.

${keysOf(limitsSchema as unknown as Schema, 'proxy.limits.').join('\n')}

## Applications

${[
  ...keysOf({ properties: { streams_per_agent: tunnel!.properties!.streams_per_agent! } }, 'tunnel.'),
  ...keysOf(limited(plugins[0]!), 'plugins.http-apps.'),
  ...keysOf(limited(plugins[1]!), 'plugins.tcp-apps.'),
].join('\n')}

Beyond a limit of a person there is 429 \`person_limit\`, beyond that of an application 503 \`app_limit\`, and when every agent is full
503 \`agent_limit\`. WebSockets and event streams count while they last. [The document of an
application](app-document.md#limits-that-an-app-can-meet) has the limits of one request.

## Sign-ins and sessions

These are fixed.

- ${numberIn(signIn, 'SIGN_INS_PER_MINUTE')} sign-ins of one person on one hub in a minute, and ${numberIn(signIn, 'LAUNCHES_PER_MINUTE')} openings of applications. Beyond: 429 \`too_many_sign_ins\`.
- ${numberIn(sessions, 'MOST_OF_USER')} sign-ins of one person, of browsers and command lines. Beyond: the oldest one ends (\`superseded\`).
- ${numberIn(sessions, 'MOST_AT_APPS')} sessions of one person at applications, and ${numberIn(sessions, 'MOST_AT_APP')} at one application for each sign-in. Beyond: the oldest one ends.
- ${numberIn('plugins/audit-database/tail.ts', 'MOST_PER_PERSON')} times \`mezctl audit tail\` of one person on one hub. Beyond: 429 \`too_many_streams\`.
- ${numberIn(streams, 'MOST_STREAMS')} streams of changes on one hub, which are open pages of the dashboard; ${numberIn(streams, 'RESERVED')} of them are kept for the role \`admin\`.
  One person has at most ${numberIn(streams, 'MOST_PER_PERSON')}, one session ${numberIn(streams, 'MOST_PER_SESSION')}. Beyond: 429 \`too_many_streams\`.
`
}
