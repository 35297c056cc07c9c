/** Well-known apps and their presets, by a part of the name. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/grafana|kibana|superset|metabase|redash|kiali|opencost|looker|matomo|plausible|dashboard/, 'chart'],
  [/prometheus|alert|monitor|uptime|zabbix|nagios|icinga|sentry|jaeger|hubble|loki|pulse/, 'pulse'],
  [/jenkins|argo|n8n|temporal|drone|airflow|backstage|rundeck|tekton|mlflow|ci\b|build|deploy/, 'build'],
  [/git|gitea|bitbucket|code|sonarqube|sourcegraph|phabricator|jupyter/, 'code'],
  [/wiki|docs?\b|confluence|bookstack|notion|handbook|outline|penpot/, 'book'],
  [
    /postgres|mysql|maria|redis|mongo|sql|pgadmin|database|influx|adminer|clickhouse|elastic|kafka/,
    'database',
  ],
  [/ssh|shell|terminal|console|bastion/, 'terminal'],
  [/rancher|nomad|consul|proxmox|kubernetes|fleet|portainer/, 'server'],
  [/vault|secret|passbolt|bitwarden|identity|keycloak|authentik|zitadel/, 'shield'],
  [/mail|roundcube|smtp/, 'mail'],
  [/chat|mattermost|zulip|matrix|rocket/, 'chat'],
  [/file|nextcloud|minio|nas\b|storage|artifactory|nexus|harbor|registry/, 'folder'],
  [/jira|ticket|issue|redmine|youtrack|zammad|openproject/, 'check'],
  [/calendar|cal\.com|holiday/, 'calendar'],
  [/odoo|invoice|payroll|erp\b/, 'money'],
  [/live|stream|video|camera/, 'play'],
]

/** The product that a name speaks of, or its first word, and the drawing of a known one. Apps of one product have one colour. */
export function productOf(name: string): readonly [product: string, drawing?: string] {
  const lower = name.toLowerCase()
  for (const [pattern, drawing] of KNOWN) {
    const [found] = pattern.exec(lower) ?? []
    if (found !== undefined) return [found, drawing]
  }
  return [lower.split(/[\s._-]+/)[0] ?? lower]
}
