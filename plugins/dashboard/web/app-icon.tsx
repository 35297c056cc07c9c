import { drawings } from '@mezite/core/drawings'

/** Well-known apps and their presets, by a part of the name. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/grafana|kibana|superset|metabase|redash|kiali|opencost|looker|dashboard/, 'chart'],
  [/prometheus|alert|monitor|uptime|zabbix|nagios|sentry|jaeger|hubble|loki|pulse/, 'pulse'],
  [/jenkins|argo|drone|airflow|backstage|rundeck|tekton|mlflow|ci\b|build|deploy/, 'build'],
  [/git|gitea|bitbucket|code|sonarqube|sourcegraph|phabricator|jupyter/, 'code'],
  [/wiki|docs?\b|confluence|bookstack|handbook|outline|penpot/, 'book'],
  [/postgres|mysql|maria|redis|mongo|sql|pgadmin|database|clickhouse|elastic|kafka/, 'database'],
  [/ssh|shell|terminal|console|bastion/, 'terminal'],
  [/rancher|nomad|consul|kubernetes|fleet|portainer/, 'server'],
  [/vault|secret|passbolt|bitwarden|identity|keycloak/, 'shield'],
  [/mail|roundcube|smtp/, 'mail'],
  [/chat|mattermost|matrix|rocket/, 'chat'],
  [/file|nextcloud|minio|nas\b|storage|artifactory|nexus|harbor|registry/, 'folder'],
  [/jira|ticket|issue|redmine|youtrack/, 'check'],
  [/live|stream|video|camera/, 'play'],
]

/** Hues of the tiles of initials and presets; each has the same contrast in both themes. */
const TONES = 8

function toneOf(name: string): number {
  let sum = 0
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9_973
  return sum % TONES
}

function initialsOf(name: string): string {
  // Brackets and other signs around a word are not its beginning.
  const words = name
    .split(/[\s._-]+/)
    .map((word) => word.match(/[\p{L}\p{N}]/gu) ?? [])
    .filter(({ length }) => length > 0)
  const letters =
    words.length > 1 ? words.slice(0, 2).map(([first]) => first) : (words[0] ?? ['?']).slice(0, 2)
  return letters.join('').toLocaleUpperCase()
}

/** The product that a name speaks of, or its first word, and the drawing of a known one. Apps of one product have one colour. */
function productOf(name: string): readonly [product: string, drawing?: string] {
  const lower = name.toLowerCase()
  for (const [pattern, drawing] of KNOWN) {
    const [found] = pattern.exec(lower) ?? []
    if (found !== undefined) return [found, drawing]
  }
  return [lower.split(/[\s._-]+/)[0] ?? lower]
}

/** An app's uploaded image, preset, or initials. Decoration: the name stands beside it. */
export function AppIcon({ name, icon }: { readonly name: string; readonly icon: string | null }) {
  if (icon?.startsWith('/'))
    return <img class="tile" src={icon} alt="" loading="lazy" width="44" height="44" />
  const [product = '', known] = productOf(name)
  const preset = icon ?? known
  const path = preset === undefined ? undefined : (drawings as Readonly<Record<string, string>>)[preset]
  return (
    <span class={`tile tone-${toneOf(product)}`} aria-hidden="true">
      {path === undefined ? initialsOf(name) : <Glyph path={path} />}
    </span>
  )
}

/** A line drawing of 24 by 24 units in the colour of the text. */
export function Glyph({ path }: { readonly path: string }) {
  return (
    <svg
      class="glyph"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  )
}
