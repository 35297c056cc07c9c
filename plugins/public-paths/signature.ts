import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** How a sender signs a request: what a preset stands for, and what a rule can say itself. */
export interface SignatureForm {
  /** Lower-case name of the header that has the signature. */
  readonly header: string
  readonly algorithm: 'sha1' | 'sha256' | 'sha384' | 'sha512'
  readonly encoding: 'hex' | 'base64'
  /** Before each signature. */
  readonly prefix: string
  /** Lower-case name of the header with the time, in seconds since the epoch; null: no time, or it is in the signature's header. */
  readonly timestampHeader: string | null
  /** Lower-case name of the header with the name of the delivery, which is signed too. */
  readonly idHeader: string | null
  /** What is signed, with `{timestamp}`, `{id}` and, once and at its end, `{body}`. */
  readonly signed: string
  /** How the value of the header is read. */
  readonly grammar: 'one' | 'stripe' | 'standard-webhooks'
  /** Whether the secret is the base64 of the key. */
  readonly keyIsBase64: boolean
}

const PLAIN: SignatureForm = {
  header: '',
  algorithm: 'sha256',
  encoding: 'hex',
  prefix: '',
  timestampHeader: null,
  idHeader: null,
  signed: '{body}',
  grammar: 'one',
  keyIsBase64: false,
}

/** The form that a rule with a `header` of its own begins with. */
export const GENERAL = PLAIN

/** By the names of the presets. GitLab sends its secret itself. */
export const PRESETS = {
  /** GitHub: Validating webhook deliveries. */
  github: { ...PLAIN, header: 'x-hub-signature-256', prefix: 'sha256=' },
  /** Stripe: Verify webhook signatures manually. */
  stripe: { ...PLAIN, header: 'stripe-signature', signed: '{timestamp}.{body}', grammar: 'stripe' },
  /** Slack: Verifying requests from Slack. */
  slack: {
    ...PLAIN,
    header: 'x-slack-signature',
    prefix: 'v0=',
    timestampHeader: 'x-slack-request-timestamp',
    signed: 'v0:{timestamp}:{body}',
  },
  /** Standard Webhooks, specification 1.0. */
  'standard-webhooks': {
    ...PLAIN,
    header: 'webhook-signature',
    encoding: 'base64',
    prefix: 'v1,',
    timestampHeader: 'webhook-timestamp',
    idHeader: 'webhook-id',
    signed: '{id}.{timestamp}.{body}',
    grammar: 'standard-webhooks',
    keyIsBase64: true,
  },
} as const satisfies Record<string, SignatureForm>

/** Whether the sender says when it has signed. */
export const hasTime = (form: SignatureForm): boolean => form.signed.includes('{timestamp}')

/** What the head of a request says about its signature. */
export interface Presented {
  /** Without their prefix. One of them must be right. */
  readonly signatures: readonly string[]
  readonly seconds: number | null
  /** What is signed before the body. */
  readonly before: string
}

const SECONDS = /^[1-9][0-9]{0,11}$/
/** Without a full stop, which ends it in what is signed. */
const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/
/** A longer header is not a signature. */
const LONGEST = 4_096
const MOST_SIGNATURES = 8

/** Reads the head; null: something is missing, doubled or not in the form of the sender. `values`: of all lines with a name. */
export function readHead(
  form: SignatureForm,
  values: (header: string) => readonly string[],
): Presented | null {
  const one = (header: string): string | null => {
    const found = values(header)
    return found.length === 1 && (found[0] as string).length <= LONGEST ? (found[0] as string) : null
  }
  const given = one(form.header)
  if (given === null) return null
  const read = signaturesIn(form, given)
  if (read === null || read.signatures.length > MOST_SIGNATURES) return null
  const timestamp = form.timestampHeader === null ? read.timestamp : one(form.timestampHeader)
  if (hasTime(form) && (timestamp === null || !SECONDS.test(timestamp))) return null
  const id = form.idHeader === null ? '' : one(form.idHeader)
  if (id === null || (form.idHeader !== null && !ID.test(id))) return null
  const before = form.signed
    .slice(0, -'{body}'.length)
    .replace(/\{(timestamp|id)\}/g, (_, name) => (name === 'id' ? id : (timestamp ?? '')))
  return { signatures: read.signatures, seconds: timestamp === null ? null : Number(timestamp), before }
}

interface Signatures {
  readonly signatures: readonly string[]
  readonly timestamp: string | null
}

function signaturesIn({ grammar, prefix, encoding }: SignatureForm, given: string): Signatures | null {
  if (grammar === 'stripe') return stripeSignatures(given)
  const all = grammar === 'standard-webhooks' ? given.split(' ') : [given]
  // A sender may add signatures of other versions.
  if (grammar === 'standard-webhooks' && !all.every((one) => /^v[0-9]+[a-z]?,[A-Za-z0-9+/_=-]+$/.test(one)))
    return null
  const ours = all.filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length))
  const signatures = encoding === 'hex' ? ours.map((one) => one.toLowerCase()) : ours
  return signatures.length === 0 ? null : { signatures, timestamp: null }
}

/** `t=1492774577,v1=5257a8…,v0=6ffbb5…`: one time, and at least one signature of version 1. */
function stripeSignatures(given: string): Signatures | null {
  const parts = given.split(',').map((part) => /^([a-z][a-z0-9]*)=([0-9A-Za-z]+)$/.exec(part))
  if (parts.some((part) => part === null)) return null
  const of = (name: string) => parts.flatMap((part) => (part?.[1] === name ? [part[2] as string] : []))
  const [times, signatures] = [of('t'), of('v1')]
  return times.length === 1 && signatures.length > 0 ? { signatures, timestamp: times[0] as string } : null
}

/** The key of a secret as the sender uses it; null if the secret has another form. */
export function keyOf({ keyIsBase64 }: SignatureForm, secret: string): Buffer | null {
  if (!keyIsBase64) return Buffer.from(secret)
  const text = secret.replace(/^whsec_/, '')
  const key = Buffer.from(text, 'base64')
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && key.length >= 16 ? key : null
}

/** Whether one of the signatures was made with one of the keys. Its time does not depend on where they differ. */
export function isSigned(
  { algorithm, encoding }: SignatureForm,
  keys: readonly Buffer[],
  { signatures, before }: Presented,
  body: Buffer,
): boolean {
  let found = false
  for (const key of keys) {
    const wanted = Buffer.from(createHmac(algorithm, key).update(before).update(body).digest(encoding))
    for (const signature of signatures) {
      const given = Buffer.from(signature)
      if (given.length === wanted.length && timingSafeEqual(given, wanted)) found = true
    }
  }
  return found
}

/** Compares texts in a time that tells nothing about them, not even their length. */
export function isSecret(secrets: readonly string[], given: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  const wanted = hash(given)
  let found = false
  for (const secret of secrets) if (timingSafeEqual(hash(secret), wanted)) found = true
  return found
}
