/**
 * The packages that hub and agent load, and why bytes of a stranger cannot make one of them end the process: a fuzz of
 * `npm test` sends them to it, or they do not reach it.
 */
export const strangerParsers: Readonly<Record<string, { readonly fuzz: string } | { readonly why: string }>> =
  {
    fastify: { fuzz: 'test/e2e/fuzz-strangers.ts' },
    jose: { fuzz: 'test/e2e/fuzz-strangers.ts' },
    'oidc-provider': { fuzz: 'test/e2e/fuzz-strangers.ts' },
    typebox: { fuzz: 'test/e2e/fuzz-strangers.ts' },
    ws: { fuzz: 'test/e2e/fuzz-strangers.ts' },
    '@electric-sql/pglite': { why: 'runs statements of the hub' },
    '@fastify/swagger': { why: 'reads the schemas of the hub' },
    '@peculiar/x509': { why: 'reads requests for certificates behind a valid token, agent or session' },
    '@simplewebauthn/server': {
      why: 'reads ceremonies of people who have signed in or hold a link to enrol',
    },
    'acme-client': { why: 'reads the responses of authorities that an administrator configured' },
    'age-encryption': { why: 'reads archives that an administrator names' },
    'dns-packet': { why: 'reads the responses of a name server that an administrator configured' },
    'fastest-levenshtein': { why: 'compares names in the configuration' },
    'fastify-plugin': { why: 'parses nothing' },
    'highlight.js': { why: 'reads the pages of the documentation' },
    htm: { why: 'parses templates of the hub' },
    kysely: { why: 'builds statements of the hub' },
    'markdown-it': { why: 'reads the pages of the documentation' },
    'markdown-it-anchor': { why: 'reads the pages of the documentation' },
    minisearch: { why: 'looks up at most ten words of a question, and parses nothing' },
    'mmdb-lib': { why: 'reads a file that an administrator names, by addresses that the hub has read' },
    nodemailer: { why: 'reads the responses of a mail server that an administrator configured' },
    'openid-client': { why: 'reads the responses of identity providers that an administrator configured' },
    pg: { why: 'reads the responses of the database' },
    pino: { why: 'parses nothing' },
    preact: { why: 'parses nothing' },
    'preact-render-to-string': { why: 'renders the pages of the hub' },
    'prom-client': { why: 'parses nothing' },
    re2js: { why: 'reads patterns of administrators' },
    'reflect-metadata': { why: 'parses nothing' },
    semver: { why: 'reads the versions of plugins' },
    tapable: { why: 'parses nothing' },
    uqr: { why: 'draws addresses of the hub' },
    uuid: { why: 'parses nothing' },
    yaml: { why: 'reads files and documents of administrators' },
  }
