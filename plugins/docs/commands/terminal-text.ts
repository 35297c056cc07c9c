/** Markdown for a terminal: no targets of links, no fences, and paragraphs wrapped to the width. */
export function terminalText(markdown: string, columns: number): string {
  const width = Math.min(Math.max(columns, 40), 100)
  let inCode = false
  const blocks: string[] = []
  let open: string | null = null
  const close = () => {
    if (open !== null) blocks.push(wrap(open, width))
    open = null
  }
  for (const line of markdown.split('\n')) {
    if (/^```/.test(line)) {
      close()
      inCode = !inCode
    } else if (inCode) blocks.push(`    ${line}`)
    else if (/^(#|\||\s*$| {4})/.test(line)) {
      close()
      blocks.push(/^#/.test(line) ? heading(line) : inline(line))
    } else if (/^\s*(?:[-*]|\d+\.) /.test(line)) {
      close()
      open = inline(line)
    } else open = open === null ? inline(line) : `${open} ${inline(line.trim())}`
  }
  close()
  return blocks
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}

const inline = (text: string) =>
  text
    .replaceAll(/!\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('**', '')
    .replaceAll('`', '')

const heading = (line: string) => {
  const text = inline(line.replace(/^#+ /, ''))
  return line.startsWith('# ')
    ? `${text}\n${'='.repeat(text.length)}`
    : text.startsWith('MEZ_')
      ? text
      : `${text}\n${'-'.repeat(text.length)}`
}

/** Lines after the first of a list item begin below its text. */
function wrap(text: string, width: number): string {
  const indent = ' '.repeat(/^\s*(?:(?:[-*]|\d+\.) )?/.exec(text)![0].length)
  const lines = ['']
  for (const word of text.trimEnd().split(' ')) {
    const last = lines.at(-1)!
    if (last !== '' && last.length + 1 + word.length > width) lines.push(indent + word)
    else lines[lines.length - 1] = lines.length === 1 && last === '' ? word : `${last} ${word}`
  }
  return lines.join('\n')
}
