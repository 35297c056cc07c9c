/** Rows of every list, with long names, ids and times, by the path that `ls` reads. */
const ID = '01a2177e-3930-733d-b419-54bdf06c4dcb'
const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString()
const ahead = (hours: number) => ago(-hours)
const PERSON = 'anna.bauer-schmidt@engineering.example.com'
const AGENT = 'agent-berlin-1.datacentre.example.com'

export const wideRows = (): Readonly<Record<string, readonly object[]>> => ({
  '/apps': [
    app('grafana-berlin-production', { team: 'data', env: 'prod' }, { state: 'ready' }),
    app(
      'wiki-muenchen-production',
      { team: 'data', env: 'test' },
      { state: 'unreachable', reason: 'connection_refused' },
    ),
    app('shop', { team: 'shop' }, { state: 'no_agent' }),
  ],
  '/invitations': [
    {
      id: '3f1b8c52-6a0e-4a58-9d8e-2f4f9f0f7a11',
      name: 'a-new-colleague-with-a-long-name@subsidiary.example.com',
      roles: ['data-engineers-production', 'everyone'],
      inviter: 'administrator@subsidiary.example.com',
      created: '2026-11-25T08:00:00.000Z',
      expires: '2099-11-25T08:00:00.000Z',
      state: 'inviter_locked',
    },
  ],
  '/users': [
    user('bob@example.com', { last_login: ago(30), locked: true }),
    user('new@example.com', { last_login: null }),
    user(PERSON, { last_login: ago(2) }),
  ],
  '/roles': [
    {
      kind: 'role',
      metadata: { name: 'data-engineers-production', description: 'Those who run the pipelines at night' },
      spec: { allow: { app_labels: { team: ['data', 'analytics', 'platform'], env: 'prod' } } },
    },
    { kind: 'role', metadata: { name: 'shop' }, spec: { allow: { app_labels: { team: 'shop' } } } },
  ],
  '/agents': [
    agent(AGENT, ['grafana-berlin-production'], { rtt_ms: 12.4, connected: true }),
    agent('agent-muenchen-2', ['shop'], { rtt_ms: 3, connected: true }),
    agent('agent-idle', [], { connected: false, rtt_ms: null }),
  ],
  '/tokens': [{ id: ID, agent_hostname: AGENT, created: ago(1), expires: ahead(1), used_at: ago(0.5) }],
  '/locks': [
    {
      id: ID,
      target: { user: PERSON },
      message: 'Left the company, see the ticket OPS-12345',
      by: PERSON,
      created: ago(3),
    },
  ],
  '/sessions': [
    {
      ...{ id: ID, user: PERSON, kind: 'app', app: 'grafana-berlin-production', client_ip: '203.0.113.200' },
      ...{ last_used: ago(0.1), expires: ahead(9), streams: 2 },
    },
    {
      ...{ id: ID, user: 'bot:ci', kind: 'token', apps: ['shop'], client_ip: '2001:db8:1234:5678::abcd' },
      ...{ program: 'Docker on build-7', last_used: ago(4), expires: ahead(1), streams: 0 },
    },
  ],
  '/connectors': [
    {
      kind: 'oidc',
      metadata: { name: 'keycloak-production' },
      spec: { issuer_url: 'https://login.example.com/realms/employees', client_id: 'mezite-production' },
    },
  ],
  '/api-tokens': [
    {
      ...{ id: ID, name: 'terraform-production', roles: ['admin', 'access'], creator: PERSON },
      ...{ created: ago(99), expires: ahead(99), used_at: ago(1) },
    },
  ],
  '/certificates': [
    {
      ...{
        name: '*.apps.production.example.com',
        names: ['*.apps.production.example.com'],
        state: 'failing',
      },
      ...{ not_after: ahead(500), next_attempt: ahead(1) },
      last_error: 'the authority refused the order: too many certificates for example.com',
    },
  ],
  '/bots': [
    {
      kind: 'bot',
      metadata: { name: 'deploy-production' },
      spec: {
        roles: ['deploy', 'metrics-reader'],
        trust: [{ issuer: 'https://token.actions.githubusercontent.com' }],
        allow_from: ['203.0.113.0/24', '2001:db8:1234:5678::/64'],
      },
    },
  ],
  '/clients': [
    {
      client_id: ID,
      name: 'Example Assistant for Desktops',
      kind: 'registered',
      people: 12,
      created: ago(9),
    },
  ],
  '/clients/now': [
    {
      ...{ id: ID, program: 'Example Assistant for Desktops', client_id: 'https://claude.ai/oauth/metadata' },
      ...{ user: PERSON, apps: ['grafana-berlin-production', 'wiki-muenchen-production'] },
      ...{ last_used: ago(1), created: ago(9), expires: ahead(2) },
    },
  ],
  '/devices': [
    {
      ...{ id: ID, user: PERSON, name: 'Phone of Anna with the long name', app: 'grafana-berlin-production' },
      ...{ paths: [], created: ago(9), expires: ahead(2_000), first_used: null, moved: ago(1) },
      last_used: {
        time: ago(1),
        client_ip: '2001:db8:1234:5678::1',
        user_agent: 'DAVx5/4.5.5-ose Android/16',
      },
    },
  ],
  '/access-requests': [
    {
      ...{ id: ID, state: 'approved', user: PERSON, role: 'oncall', app: 'grafana-berlin-production' },
      ...{ reason: 'TICKET-7: disk is full', duration_ms: 7_200_000, granted_ms: null, until: ahead(2) },
    },
  ],
  '/changes': [
    {
      ...{
        id: ID,
        state: 'pending',
        right: 'connector.update',
        name: 'company-single-sign-on',
        user: PERSON,
      },
      ...{
        created: ago(1),
        decided_by: PERSON,
        reason: 'INC-42: nobody can sign in',
        problem: 'change_outdated',
      },
    },
  ],
  '/app-proposals': [
    {
      ...{ id: '3f2a9c1b20d4e6f8', name: 'grafana-berlin-production', uri: 'http://10.120.130.140:3000' },
      ...{ agent: AGENT, labels: { team: 'data', env: 'production' }, state: 'pending', proposed: ago(1) },
      problem: null,
    },
  ],
  '/app-sources': [
    {
      kind: 'app_source',
      metadata: { name: 'compose-hosts-production' },
      spec: {
        agents: ['agent-berlin-1.datacentre.example.com', 'agent-muenchen-2'],
        names: ['^compose-.*$'],
      },
    },
  ],
  '/notifications': [
    {
      ...{ id: ID, notifier: 'operations-mail', created: ago(1), state: 'given_up', severity: 'critical' },
      ...{ kind: 'agent.down', attempts: 12, title: `The agent ${AGENT} is down` },
      error: 'connect ECONNREFUSED 203.0.113.25:587',
    },
  ],
  '/audit': [
    {
      ...{ id: ID, type: 'access_request.reviewed', time: ago(1), user: PERSON, success: false },
      ...{ app: 'grafana-berlin-production', reason: 'session_mfa_required', method: 'GET', status: 403 },
      path: '/api/dashboards/uid/0190b2c4-3930-733d-b419-54bdf06c4dcb/panels?from=now-6h&to=now',
    },
  ],
})

const app = (name: string, labels: object, status: object) => ({
  kind: 'app',
  metadata: { name, labels },
  spec: { public_addr: `${name}.apps.example.com`, agents: [AGENT, 'agent-muenchen-2'] },
  status: { url: `https://${name}.apps.example.com:8443/`, ...status },
})
const user = (name: string, more: object) => ({
  ...{ name, roles: ['data-engineers-production', 'oncall', 'security-reviewers'], own_roles: ['oncall'] },
  ...{ connector: 'keycloak-production', created: ago(2_000), locked: false, etag: '"e"', ...more },
})
const agent = (hostname: string, apps: readonly string[], more: object) => ({
  ...{ hostname, apps, since: ago(1), version: '0.10.12', transport: 'webtransport', locked: false, ...more },
})
