/** Without the optional white space of RFC 9110: only SP and HTAB, where `trim` would take 0xA0 and 0x85 too. */
export function trimSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** SP or HTAB, by its code. */
export function isSpace(code: number): boolean {
  return code === 32 || code === 9
}
