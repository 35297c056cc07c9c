import { createHmac } from 'node:crypto'

/** How senders sign, written from their documents and apart from the plugin. */
export interface Sender {
  readonly rule: object
  readonly secret: string
  /** Header lines of a request with this body, at this time in seconds since the epoch. */
  sign(body: Buffer | string, seconds: number): string[]
  readonly proofs: readonly string[]
  /** Whether the time is signed. */
  readonly timed: boolean
}

const hex = (key: string | Buffer, text: string, body: Buffer | string, algorithm = 'sha256') =>
  createHmac(algorithm, key).update(text).update(body).digest('hex')
const STANDARD = Buffer.from('a key of 24 bytes or more').toString('base64')

export const senders: Readonly<Record<string, Sender>> = {
  github: {
    rule: { hmac: { preset: 'github', secret: 'sender' } },
    secret: 'the secret of a repository',
    sign: (body) => ['X-Hub-Signature-256', `sha256=${hex('the secret of a repository', '', body)}`],
    proofs: ['x-hub-signature-256'],
    timed: false,
  },
  gitlab: {
    rule: { hmac: { preset: 'gitlab', secret: 'sender' } },
    secret: 'the token of a project',
    sign: () => ['X-Gitlab-Token', 'the token of a project'],
    proofs: ['x-gitlab-token'],
    timed: false,
  },
  stripe: {
    rule: { hmac: { preset: 'stripe', secret: 'sender' } },
    secret: 'whsec_of_an_endpoint',
    sign: (body, seconds) => [
      'Stripe-Signature',
      `t=${seconds},v0=0123,v1=${hex('whsec_of_an_endpoint', `${seconds}.`, body)}`,
    ],
    proofs: ['stripe-signature'],
    timed: true,
  },
  slack: {
    rule: { hmac: { preset: 'slack', secret: 'sender' } },
    secret: 'the secret of a workspace',
    sign: (body, seconds) => [
      ...['X-Slack-Request-Timestamp', String(seconds)],
      ...['X-Slack-Signature', `v0=${hex('the secret of a workspace', `v0:${seconds}:`, body)}`],
    ],
    proofs: ['x-slack-signature', 'x-slack-request-timestamp'],
    timed: true,
  },
  'standard-webhooks': {
    rule: { hmac: { preset: 'standard-webhooks', secret: 'sender' } },
    secret: `whsec_${STANDARD}`,
    sign(body, seconds) {
      const key = Buffer.from(STANDARD, 'base64')
      const mac = createHmac('sha256', key).update(`msg_1.${seconds}.`).update(body).digest('base64')
      return ['webhook-id', 'msg_1', 'webhook-timestamp', String(seconds), 'webhook-signature', `v1,${mac}`]
    },
    proofs: ['webhook-signature', 'webhook-timestamp', 'webhook-id'],
    timed: true,
  },
  gitea: {
    rule: { hmac: { header: 'X-Gitea-Signature', secret: 'sender' } },
    secret: 'the secret of an organization',
    sign: (body) => ['X-Gitea-Signature', hex('the secret of an organization', '', body)],
    proofs: ['x-gitea-signature'],
    timed: false,
  },
  'a general form with a time': {
    rule: {
      hmac: {
        ...{ header: 'X-Sig', secret: 'sender', algorithm: 'sha512', encoding: 'base64', prefix: 'v9:' },
        ...{ timestamp_header: 'X-Sig-Time', signed: '{timestamp}|{body}' },
      },
    },
    secret: 'the secret of somebody',
    sign(body, seconds) {
      const mac = createHmac('sha512', 'the secret of somebody').update(`${seconds}|`).update(body)
      return ['X-Sig', `v9:${mac.digest('base64')}`, 'X-Sig-Time', String(seconds)]
    },
    proofs: ['x-sig', 'x-sig-time'],
    timed: true,
  },
  'a secret in a header': {
    rule: { secret_header: { header: 'X-Feed-Key', secret: 'sender' } },
    secret: 'the key of a feed',
    sign: () => ['X-Feed-Key', 'the key of a feed'],
    proofs: ['x-feed-key'],
    timed: false,
  },
}
