/** Host name of a URL that means this machine: `localhost`, names below it, 127.0.0.0/8 and ::1. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '')
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true
  return /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** A literal link-local address, which belongs to metadata services and never to identity providers. */
export function isLinkLocal(hostname: string): boolean {
  return /^169\.254\./.test(hostname) || /^\[(?:fe[89ab]|::ffff:a9fe)/i.test(hostname)
}
