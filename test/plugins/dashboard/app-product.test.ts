// together: quick
/** Drawings and colours of well-known products on the launcher. */
import { drawings } from '@mezite/core/drawings'
import t from 'tap'
import { productOf } from '../../../plugins/dashboard/web/app-product.ts'

const PRODUCTS = [
  ...['Grafana', 'Kibana', 'Superset', 'Metabase', 'Prometheus', 'Zabbix', 'Icinga', 'Sentry', 'Jaeger'],
  ...['Jenkins', 'Argo CD', 'Airflow', 'Backstage', 'n8n', 'GitLab', 'Gitea', 'SonarQube', 'Jupyter'],
  ...['Confluence', 'BookStack', 'Outline', 'pgAdmin', 'Redis', 'Elasticsearch', 'ClickHouse', 'Rancher'],
  ...['Proxmox', 'Nomad', 'Vault', 'Keycloak', 'Authentik', 'Roundcube', 'Mattermost', 'Zulip', 'Nextcloud'],
  ...['MinIO', 'Harbor', 'Jira', 'Redmine', 'Zammad', 'Odoo'],
]

t.test('each of 40 well-known products has a drawing, and its sites share one colour', async (t) => {
  t.ok(PRODUCTS.length >= 40, `${PRODUCTS.length} products`)
  for (const name of PRODUCTS) {
    const [product, drawing = ''] = productOf(name)
    t.ok(Object.hasOwn(drawings, drawing), `${name}: ${drawing}`)
    t.strictSame(productOf(`${name} Berlin`), [product, drawing], name)
  }
  t.strictSame(productOf('Orders of Berlin'), ['orders'], 'initials are shown for any other')
})
