const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Whether this name and value can be sent (RFC 9110 section 5). */
export function isHeaderLine(name: string, value: string): boolean {
  return NAME.test(name) && VALUE.test(value)
}
