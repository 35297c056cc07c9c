// together: quick
/** The Helm chart, rendered by Go's own templates and checked against the schemas of Kubernetes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse as render } from '@evertdespiegeleer/go-template'
import Ajv from 'ajv'
import { Deployment } from 'kubernetes-models/apps/v1/Deployment'
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Service } from 'kubernetes-models/v1/Service'
import t, { type Test } from 'tap'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { loadConfig } from '../../core/hub/config/config-loader.ts'

const chart = join(import.meta.dirname, '../../examples/kubernetes')
const read = (file: string) => readFileSync(join(chart, file), 'utf8')
const defaults = parse(read('values.yaml'))
const isValid = new Ajv.default({ allErrors: true }).compile(JSON.parse(read('values.schema.json')))
const models = { ConfigMap, Deployment, NetworkPolicy, PodDisruptionBudget, Service, StatefulSet }

interface Resource {
  readonly kind: keyof typeof models
  readonly metadata: { readonly name: string }
  readonly data: Readonly<Record<string, string>>
  readonly spec: Record<string, never>
}

async function resourcesOf(t: Test, template: string, values: object): Promise<readonly Resource[]> {
  t.ok(isValid(values), JSON.stringify(isValid.errors))
  const text = await render(read(`templates/${template}.yaml`), {
    Values: values,
    Release: { Name: 'demo' },
  })
  return parseAllDocuments(text).map((document) => {
    t.strictSame(document.errors, [])
    return document.toJS() as Resource
  })
}

/** Loads the configuration of the rendered hub. */
function loadConfigOf(t: Test, resources: readonly Resource[]) {
  const file = join(t.testdir({ 'mezhub.yaml': resources[0]!.data['mezhub.yaml']! }), 'mezhub.yaml')
  const env = {
    MEZITE_DATABASE_URL: 'postgres://mezite@db/mezite',
    MEZITE_ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
  }
  return loadConfig({ file, env })
}

/** Throws if Kubernetes would refuse the resource. */
const validate = (resource: Resource): void => new models[resource.kind](resource as never).validate()

t.test('the chart renders the hubs, their service, probes and disruption budget', async (t) => {
  const resources = await resourcesOf(t, 'hub', defaults)
  for (const resource of resources) validate(resource)
  t.strictSame(
    resources.map(({ kind }) => kind),
    ['ConfigMap', 'Deployment', 'PodDisruptionBudget', 'NetworkPolicy', 'Service'],
  )
  t.throws(() => validate({ ...resources[1]!, spec: { replicas: 'two' } as never }), 'the schema can fail')

  const { config } = await loadConfigOf(t, resources)
  t.equal(config.proxy.https_keypair, undefined, 'the hubs order their certificates')
  t.notMatch(JSON.stringify(resources), /tls/, 'no volume with certificate files')
})

t.test('the chart takes a secret with certificate files', async (t) => {
  const { plugins, ...rest } = parse(defaults.hub.config)
  const https_keypair = { cert_file: '/etc/mezite/tls/tls.crt', key_file: '/etc/mezite/tls/tls.key' }
  const config = stringify({ ...rest, proxy: { ...rest.proxy, https_keypair } })
  const values = { ...defaults, hub: { ...defaults.hub, tlsSecretName: 'mezite-tls', config } }
  const resources = await resourcesOf(t, 'hub', values)
  for (const resource of resources) validate(resource)
  t.match(resources[1], {
    spec: {
      template: {
        spec: {
          containers: [{ volumeMounts: [{ name: 'config' }, { name: 'tls', mountPath: '/etc/mezite/tls' }] }],
          volumes: [{ name: 'config' }, { name: 'tls', secret: { secretName: 'mezite-tls' } }],
        },
      },
    },
  })
  const missing = await loadConfigOf(t, resources).catch((error) => error)
  t.notMatch(`${missing.message}`, /unknown key/, 'every key is one of the hub')
  t.match(`${missing.message}`, /tls\.crt/, 'only the certificate of the volume is missing')
})

t.test('a hub that only the cluster reaches has no policy for external traffic', async (t) => {
  const values = { ...defaults, hub: { ...defaults.hub, serviceType: 'ClusterIP', replicas: 1 } }
  const service = (await resourcesOf(t, 'hub', values)).at(-1)!
  validate(service)
  t.notOk('externalTrafficPolicy' in service.spec)
})

t.test('the agent keeps its identity in a volume', async (t) => {
  t.strictSame(await resourcesOf(t, 'agent', defaults).then((all) => all.filter((one) => one !== null)), [])
  const values = { ...defaults, agent: { ...defaults.agent, enabled: true } }
  const resources = await resourcesOf(t, 'agent', values)
  for (const resource of resources) validate(resource)
  t.strictSame(
    resources.map(({ kind }) => kind),
    ['ConfigMap', 'NetworkPolicy', 'StatefulSet'],
  )
})

t.test('diagnostics ports are closed to pods, or open to those of named namespaces', async (t) => {
  const enabled = { ...defaults, agent: { ...defaults.agent, enabled: true } }
  const ingressOf = async (template: string, diagnosticsNamespaces: readonly string[]) => {
    const resources = await resourcesOf(t, template, { ...enabled, diagnosticsNamespaces })
    const policy = resources.find(({ kind }) => kind === 'NetworkPolicy')!
    validate(policy)
    t.strictSame(policy.spec.policyTypes, ['Ingress'])
    return policy.spec.ingress ?? []
  }
  const https = { ports: [{ port: 'https', protocol: 'TCP' }] }
  const from = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }]
  const diagnostics = { ports: [{ port: 'diagnostics', protocol: 'TCP' }], from }
  t.strictSame(await ingressOf('hub', []), [https])
  t.strictSame(await ingressOf('agent', []), [], 'no rule: nothing may connect')
  t.strictSame(await ingressOf('hub', ['monitoring']), [https, diagnostics])
  t.strictSame(await ingressOf('agent', ['monitoring']), [diagnostics])
})

t.test('secrets reach the programs as files', async (t) => {
  const enabled = { ...defaults, agent: { ...defaults.agent, enabled: true } }
  for (const template of ['hub', 'agent']) {
    const text = await render(read(`templates/${template}.yaml`), {
      Values: enabled,
      Release: { Name: 'demo' },
    })
    t.notMatch(text, /envFrom|secretKeyRef/)
    t.match(text, /_FILE, value: \/run\/secrets\/mezite\//)
    t.match(text, /name: secrets, secret: /)
  }
})

t.test('misspelt and dangerous values are refused', async (t) => {
  const bad: readonly object[] = [
    { replica: 2 },
    { replicas: 0 },
    { memory: '1Gi } }' },
    { secretName: 'a: b' },
    { tlsSecretName: 'a: b' },
    { serviceType: 'External' },
  ]
  for (const hub of bad)
    t.notOk(isValid({ ...defaults, hub: { ...defaults.hub, ...hub } }), JSON.stringify(hub))
})
