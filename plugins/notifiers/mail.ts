import { readFile } from 'node:fs/promises'
import type { Log, Notifier } from '@mezite/core'
import { type Static, Type } from '@mezite/core'
import type { Transporter } from 'nodemailer'
import { routing, wants } from './routing.ts'

const ADDRESS = '^[^\\s@<>"(),:;]+@[^\\s@<>"(),:;]+$'
const STEP_MS = 10_000

export const Mail = Type.Closed({
  ...routing,
  host: Type.String({ minLength: 1, description: 'name of the SMTP server' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535, default: 587 }),
  security: Type.Optional(
    Type.OneOf(['starttls', 'tls', 'none'], {
      default: 'starttls',
      description: 'starttls and tls refuse to send in clear; none is for a server on this machine',
    }),
  ),
  ca_file: Type.Optional(
    Type.String({ pattern: '^/', description: 'authorities in PEM that the server may use' }),
  ),
  user: Type.Optional(Type.String({ minLength: 1, description: 'name for the login at the server' })),
  password: Type.Optional(Type.Secret({ description: 'password for the login at the server' })),
  from: Type.String({ pattern: ADDRESS, must: 'an e-mail address', description: 'address of the sender' }),
  to: Type.Array(Type.String({ pattern: ADDRESS, must: 'an e-mail address' }), {
    minItems: 1,
    description: 'addresses of the operators',
  }),
  people: Type.Optional(
    Type.Boolean({
      default: true,
      description: 'also mails people what is for them, if their name is an e-mail address',
    }),
  ),
})

/**
 * Mails notifications as plain text. The message has the same Message-ID at each attempt, so that servers can drop a
 * repetition.
 */
export function mail(config: Static<typeof Mail>, log: Log): Notifier {
  const { name, host, port, security = 'starttls', from, to, people = true } = config
  const isAddress = (text: string) => new RegExp(ADDRESS).test(text)
  let opened: Promise<Transporter> | undefined

  async function open(): Promise<Transporter> {
    // Loaded for the first mail only.
    const { createTransport } = await import('nodemailer')
    const ca = config.ca_file === undefined ? undefined : await readFile(config.ca_file, 'utf8')
    return createTransport({
      host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ...(security === 'none' && { ignoreTLS: true }),
      ...(config.user !== undefined && { auth: { user: config.user, pass: config.password ?? '' } }),
      connectionTimeout: STEP_MS,
      greetingTimeout: STEP_MS,
      socketTimeout: STEP_MS,
      dnsTimeout: STEP_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
      tls: { minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) },
    })
  }

  return {
    name,
    takes: (notification) =>
      wants(config, notification) &&
      (notification.user === undefined || (people && isAddress(notification.user))),
    async deliver({ id, cluster, severity, title, text, url, user, time }, signal) {
      opened ??= open()
      const transporter = await opened.catch((error) => {
        opened = undefined
        throw error
      })
      const lines = [title, ...(text ? [text] : []), ...(url ? [url] : []), `${cluster}, ${time}`]
      const sent = transporter.sendMail({
        from,
        to: user ?? [...to],
        subject: `${severity === 'info' ? '' : `${severity.toUpperCase()} `}[${cluster}] ${title}`,
        text: lines.join('\n\n'),
        messageId: `<${id}@${from.split('@')[1]}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      })
      const { rejected = [] } = await unlessAborted(sent, signal)
      // The others have it, and a repetition would mail them again.
      if (rejected.length > 0)
        log.warn({ notifier: name, rejected: rejected.length }, 'the mail server refused some recipients')
    },
  }
}

/** The library cannot end a mail that it has begun; its timeouts do. */
function unlessAborted<T>(sent: Promise<T>, signal: AbortSignal): Promise<T> {
  sent.catch(() => {})
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the mail server did not respond in time')))
    sent.then(resolve, reject)
  })
}
