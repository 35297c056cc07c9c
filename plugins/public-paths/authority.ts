import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { messageOf, Type } from '@mezite/core'

/** The certificates that an authority of the configuration consists of. */
export interface Authority {
  /** As PEM. The hub compares the array itself. */
  readonly pems: readonly string[]
  /** When the first of them ends, in milliseconds since the epoch. */
  readonly validTo: number
}

const MOST_BYTES = 65_536
const MOST = 16
const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

/** An authority in `mezhub.yaml`; the plugin gets what is in its file. */
export const AuthorityFile = Object.assign(
  Type.Closed({
    file: Type.String({
      pattern: '^/.',
      must: 'an absolute path',
      description: 'PEM file with the certificate of the authority, and perhaps of those below it',
    }),
  }),
  { decode: (value: unknown) => readAuthority((value as { readonly file: string }).file) },
) as unknown as ReturnType<typeof Type.Unsafe<Authority>>

/** Throws if the file may be changed by everybody, or has anything but certificates of authorities. */
function readAuthority(file: string): Authority {
  const { mode, size } = statOf(file)
  if ((mode & 0o002) !== 0) throw new Error(`everybody can write ${file}; run chmod o-w on it`)
  if (size > MOST_BYTES) throw new Error(`${file} is larger than ${MOST_BYTES} bytes`)
  const text = readFileSync(file, 'utf8')
  if (text.includes('PRIVATE KEY-----'))
    throw new Error(`${file} has a private key; only certificates belong here`)
  const pems = text.match(PEM) ?? []
  if (pems.length === 0 || pems.length > MOST || pems.length !== text.split('-----BEGIN').length - 1)
    throw new Error(`${file} must have one to ${MOST} certificates in PEM, and nothing else`)
  const certificates = pems.map((pem) => new X509Certificate(pem))
  if (!certificates.every(({ ca }) => ca))
    throw new Error(`${file} has a certificate that is not of an authority`)
  if (!certificates.some((one) => one.checkIssued(one)))
    throw new Error(`${file} lacks the root, the certificate that the authority has issued for itself`)
  const validTo = Math.min(...certificates.map(({ validToDate }) => validToDate.getTime()))
  return Object.freeze({ pems: Object.freeze([...pems]), validTo })
}

function statOf(file: string): { readonly mode: number; readonly size: number } {
  try {
    return statSync(file)
  } catch (error) {
    throw new Error(`the file cannot be read: ${messageOf(error)}`)
  }
}
