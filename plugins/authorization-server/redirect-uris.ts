const LONGEST = 1_024
const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost']
/** A scheme of one's own has a dot, as a reversed domain name has (RFC 8252 section 7.1): so it is none that browsers know. */
const PRIVATE = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/

/**
 * Why a program of the operator may not have people sent to this address with their codes; null: it may. It is https, http to the loopback
 * of the person's machine, or a private scheme.
 */
export function redirectUriFault(text: string): string | null {
  if (text.length > LONGEST) return `has more than ${LONGEST} characters`
  // A parser would drop tabs and ends of lines.
  if (!/^[\x21-\x7e]+$/.test(text)) return 'has a space or a character that must be encoded'
  const url = URL.parse(text)
  if (url === null) return 'is not a URL'
  if (text.includes('#')) return 'must not have a fragment'
  if (text.includes('*')) return 'must be one address, without "*"'
  if (url.username !== '' || url.password !== '') return 'must not have a user'
  const local = LOOPBACK.includes(url.hostname)
  if (url.protocol === 'https:') return local ? 'must be http on the machine of the person' : null
  if (url.protocol === 'http:')
    return local ? null : 'must be https (http is for 127.0.0.1, [::1] and localhost)'
  return PRIVATE.test(url.protocol)
    ? null
    : 'must be https, http to loopback, or a scheme with a dot such as com.example.app:/done'
}
