import { escapeQuoted, isHazardous } from './text-escaping.ts'

/** JSON with two spaces of indentation; hazardous characters are escaped without changing the value. */
export function showJson(data: unknown): string {
  return escapeQuoted(JSON.stringify(data, null, 2))
}

/** One line of JSON, for streams. */
export function showJsonLine(data: unknown): string {
  return escapeQuoted(JSON.stringify(data))
}

/** One YAML document without a final line break. A text that could confuse a terminal is quoted and escaped. */
export async function showYaml(data: unknown): Promise<string> {
  const { Document, visit } = await import('yaml')
  const document = new Document(data, { aliasDuplicateObjects: false })
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && isHazardous(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeQuoted(document.toString({ lineWidth: 0 }).trimEnd())
}
