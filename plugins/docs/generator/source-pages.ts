import { standardPlugins } from '../../../core/hub/config/standard-plugins.ts'
import { textOf } from '../../../oclif-cli/packaging/sources.ts'
import { eventTypes } from '../../audit-database/event-types.ts'
import { meaningOf } from './event-meanings.ts'
import { programSources, sorted } from './source-texts.ts'

const HEAD = '<!-- Written by `npm run docs`. -->\n\n'

/** Every type of audit event, with the fields that its sources record. */
export function auditEventsPage(): string {
  const texts = programSources().map((file) => textOf(file))
  const sections = eventTypes.map((type) => {
    const fields = texts.flatMap((text) =>
      [...text.matchAll(new RegExp(`type: '${type.replaceAll('.', '\\.')}'`, 'g'))].flatMap(({ index }) => {
        const [ofType = ''] = text.slice(index + 6, index + 900).split("type: '")
        return fieldsIn(ofType)
      }),
    )
    const own =
      fields.length === 0
        ? ''
        : ` Fields of its own: ${sorted(fields)
            .map((one) => `\`${one}\``)
            .join(', ')}.`
    return `## ${type}\n\n${meaningOf(type)}${own}`
  })
  return `${HEAD}# Audit events

Every event has \`id\`, \`type\`, \`time\`, \`cluster\`, \`hub\`, \`user\`, \`roles\`, \`client_ip\`, \`session_id\`,
\`request_id\`, \`success\`, \`reason\`, and the fields of its type. A [reason code](reason-codes.md) says why \`success\` is
false. Types never change their meaning. Find events with \`mezctl audit ls --type TYPE\`.

${sections.join('\n\n')}
`
}

/** Names in \`fields: { … }\`. */
function fieldsIn(text: string): string[] {
  const inner = /fields: \{([^{}]*)/.exec(text)?.[1] ?? ''
  return inner
    .replaceAll(/\/\/.*$/gm, '')
    .split(',')
    .map((part) => /^\s*(?:\.\.\.\()?\s*([a-z_]+)\s*(?::|$)/.exec(part)?.[1] ?? '')
    .filter((name) => /^[a-z][a-z_]*$/.test(name))
}

/** Every metric that the sources register. */
export function metricsPage(): string {
  const CALL =
    /\b(counters?|gauge|histogram)\(\s*'(mezite_[a-z_]+)',\s*(['"`])((?:(?!\3).|\n)*?)\3(?:,\s*\[([^\]]*)\])?/g
  const found = programSources().flatMap((file) =>
    [...textOf(file).matchAll(CALL)].map(([, kind, name, , help, labels]) => {
      const list = [...(labels ?? '').matchAll(/'(\w+)'/g)].map(([, label]) => label)
      return `- \`${name}\` (${kind!.replace(/s$/, '')}${list.length > 0 ? `; by ${list.map((one) => `\`${one}\``).join(', ')}` : ''}): ${help!.replaceAll(/\s+/g, ' ')}.`
    }),
  )
  return `${HEAD}# Metrics

The plugin metrics serves \`/metrics\` at \`diagnostics.listen_addr\`, in the format of Prometheus, with the usual metrics of
Node.js and the process, and these. [Monitoring](../how-to/monitoring.md) says which of them need attention. No label contains
the name of a person, an address or a path.

${sorted(found).join('\n')}
`
}

/** Ports and the first part of every path. */
export function portsPage(): string {
  const prefixes = programSources().flatMap((file) =>
    [
      ...textOf(file).matchAll(
        /^ *(?:prefix: '(\/[^']*)'|[^*\n]*(?:\bcollection: |\bapiRoutes\()'([a-z-]+)')/gm,
      ),
    ].map(([, prefix, collection]) => {
      const [, owner] = /^plugins\/([^/]+)/.exec(file) ?? []
      const path = prefix ?? `/v1/webapi/${collection}`
      return `- \`${path}\`: ${owner === undefined ? 'the hub' : `plugin ${owner}`}`
    }),
  )
  return `${HEAD}# Ports and paths

Which ports are open, for the rules of a firewall, and which paths belong to whom.

## Ports

- \`proxy.listen_addr\`, by default 3080/tcp (443 in production): the one public port. Browsers, agents, \`msh\`, \`mezctl\`
  and the other hubs connect to it, with TLS 1.2 or newer.
- \`proxy.redirect_addr\`, off by default, usually 80/tcp: redirects plain HTTP to https.
- \`diagnostics.listen_addr\`, by default 127.0.0.1:3081: \`/healthz\`, \`/readyz\` and \`/metrics\` in plain HTTP. Never expose it.
- The admin socket \`admin.sock\` in \`data_dir\`: a Unix socket for \`mezctl\` on the same machine.
- An agent listens on nothing, unless \`diagnostics.listen_addr\` of \`mezd.yaml\` is set. It dials the public port of the hub.
- \`msh app login NAME --port PORT\` listens on 127.0.0.1 of the person's machine.

## Paths of the hub's own host

The plugins of the standard set (${standardPlugins.length}) and the hub itself serve:

${sorted(prefixes).join('\n')}

## Paths of an application's host

- \`/.mezite/\` belongs to the hub: sign-out, the script for pages whose session ends, and assets of its pages.
- Every other path belongs to the application.

## Files

- \`/etc/mezite/mezhub.yaml\` and \`/etc/mezite/mezd.yaml\`: configuration of packages and units.
- \`data_dir\` of the hub, by default \`/var/lib/mezite\`: \`encryption-key\`, the embedded database, the admin socket.
- \`data_dir\` of the agent, by default \`/var/lib/mezite-agent\`: its key and its certificate.
`
}
