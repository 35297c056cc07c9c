const FORBIDDEN = 'a rule on the machine of the agent forbids the connection'
const CLOSED = 'closed the connection'

/** What a failed connection means to an operator, by the code of the operating system. */
const SOCKET_FAULTS: Readonly<Record<string, string>> = {
  EACCES: FORBIDDEN,
  EADDRNOTAVAIL: 'the agent has no free local port for another connection',
  ECONNREFUSED: 'refuses connections: nothing listens there',
  ECONNRESET: CLOSED,
  EHOSTDOWN: 'the host is down',
  EHOSTUNREACH: 'there is no route to the host',
  EMFILE: 'the agent has reached its limit of open files',
  ENETUNREACH: 'the agent has no network that leads to the host',
  EPERM: FORBIDDEN,
  EPIPE: CLOSED,
  ETIMEDOUT: 'did not respond in time',
}

const NAME_FAULTS: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'no name server responded',
  ENOTFOUND: 'there is no such name',
  ETIMEOUT: 'no name server responded in time',
}

/** Verification errors that the right authority in the app's document solves. */
const UNTRUSTED = [
  ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_UNTRUSTED'],
]

/** An error of OpenSSL has its own words in `reason`. */
type NodeError = NodeJS.ErrnoException & { readonly reason?: string }

/** A sentence about a connection that failed. `address` is `host:port`. */
export function socketFault(address: string, { code = '', message }: NodeError): string {
  return `${address}: ${SOCKET_FAULTS[code] ?? message}`
}

/** A sentence about a host name that cannot be resolved. */
export function nameFault(host: string, { code = '', message }: NodeError): string {
  return `${host}: ${NAME_FAULTS[code] ?? message}`
}

/** The problem that the agent found, and the key of the app's document that solves it. */
export function tlsFault(name: string, { code = '', message, reason }: NodeError): string {
  if (UNTRUSTED.includes(code))
    return `the certificate of ${name} is not trusted: ${message}; set tls.ca of the app to the authority that issued it`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate is not for ${name}: ${message}; set tls.server_name of the app to a name in it`
  if (code === 'CERT_HAS_EXPIRED') return `the certificate of ${name} has expired; renew it at the app`
  if (/NO_APPLICATION_PROTOCOL/.test(code))
    return `${name} does not offer HTTP/2; set http.version of the app to 1.1`
  // The first bytes of a response without TLS, read as the head of a TLS record.
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code))
    return `https:// to a port that speaks plain HTTP (${name}); set uri of the app to http://`
  if (SOCKET_FAULTS[code] === CLOSED) return `${name} closed the connection during the TLS handshake`
  const [, alert] = /ALERT_(\w+)$/.exec(code) ?? []
  if (alert !== undefined)
    return `${name} ended the TLS handshake: ${alert.toLowerCase().replaceAll('_', ' ')}`
  return `TLS with ${name} failed: ${reason ?? SOCKET_FAULTS[code] ?? message}`
}
