/** The parts of a JSON Schema that completion reads. */
export interface Schema {
  readonly description?: string
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly examples?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

export interface Suggestion {
  /** Key or value, as it is listed. */
  readonly name: string
  readonly description: string
  /** Replaces the text from `from` to the caret. */
  readonly insert: string
  readonly from: number
}

const KEY = /^(\s*(?:- )?)([\w-]*)$/
const VALUE = /^(\s*(?:- )?)([\w-]+):[ ]+([\w-]*)$/
/** An entry of a list in brackets, after others. */
const ENTRY = /^(\s*(?:- )?)([\w-]+):[ ]+\[((?:[^[\]]*,)?\s*)([\w-]*)$/
const MOST = 12
const STEP = '  '

/** What could be written at the caret of a YAML document with this schema: keys of the object around it, or values. */
export function suggestionsAt(text: string, caret: number, schema: Schema): readonly Suggestion[] {
  const start = text.lastIndexOf('\n', caret - 1) + 1
  const end = text.indexOf('\n', caret)
  // Completion is for the end of a line only.
  if (text.slice(caret, end < 0 ? undefined : end).trim() !== '') return []
  const line = text.slice(start, caret)
  const value = VALUE.exec(line)
  if (value) {
    const [, lead = '', key = '', typed = ''] = value
    const found = schemaAt(schema, [...parentsOf(text, start, lead), key])
    return valuesOf(found)
      .filter((one) => one.startsWith(typed) && one !== typed)
      .map((name) => ({ name, description: '', insert: name, from: caret - typed.length }))
  }
  const entry = ENTRY.exec(line)
  if (entry) {
    const [, lead = '', key = '', others = '', typed = ''] = entry
    const list = schemaAt(schema, [...parentsOf(text, start, lead), key])
    return entriesOf(list?.items, others, typed, caret)
  }
  const [, lead, typed = ''] = KEY.exec(line) ?? []
  if (lead === undefined) return []
  const around = schemaAt(schema, parentsOf(text, start, lead))
  if (around?.type === 'string') return entriesOf(around, '', typed, caret)
  const present = siblingsOf(text, start, lead.length)
  return Object.entries(around?.properties ?? {})
    .filter(([name]) => name.startsWith(typed) && name !== typed && !present.has(name))
    .slice(0, MOST)
    .map(([name, inner]) => ({
      name,
      description: inner.description ?? '',
      from: caret - typed.length,
      insert: inner.properties ? `${name}:\n${' '.repeat(lead.length)}${STEP}` : `${name}: `,
    }))
}

/** Values of a list that are not among its `others` yet. */
function entriesOf(
  schema: Schema | undefined,
  others: string,
  typed: string,
  caret: number,
): readonly Suggestion[] {
  const present = new Set(others.split(',').map((other) => other.trim().replaceAll('"', '')))
  return valuesOf(schema)
    .filter((one) => one.startsWith(typed) && one !== typed && !present.has(one))
    .map((name) => ({
      name,
      description: '',
      insert: /^\w+$/.test(name) ? name : `"${name}"`,
      from: caret - typed.length,
    }))
}

/** Keys above a line, from the outside in, by their indentation. A list is passed as the empty key. */
function parentsOf(text: string, start: number, lead: string): readonly string[] {
  const path: string[] = lead.endsWith('- ') ? [''] : []
  let indent = lead.replace('- ', '').length
  for (const line of text.slice(0, start).split('\n').toReversed()) {
    const [, before = '', key] = /^(\s*(?:- )?)"?([^\s":#][^":]*)"?:/.exec(line) ?? []
    if (key === undefined) continue
    const isItem = before.endsWith('- ')
    const outer = isItem ? before.length - 2 : before.length
    // A key in the same item of a list: the list is around both.
    if (isItem && before.length === indent && path[0] !== '') path.unshift('')
    else if (before.length < indent && !isItem) path.unshift(key)
    // The list is the value of the first key of an item.
    else if (before.length < indent && path[0] === '') path.unshift('', key)
    else continue
    indent = outer
  }
  return path
}

/** Keys with the same indentation in the object around a line. */
function siblingsOf(text: string, start: number, indent: number): ReadonlySet<string> {
  const found = new Set<string>()
  const read = (lines: readonly string[]) => {
    for (const line of lines) {
      const [, before = '', key] = /^(\s*(?:- )?)([\w-]+):/.exec(line) ?? []
      if (line.trim() !== '' && (/^\s*/.exec(line)?.[0].length ?? 0) < indent && before.length !== indent)
        return
      if (key !== undefined && before.length === indent) found.add(key)
      if (before.endsWith('- ') && before.length === indent) return
    }
  }
  read(text.slice(0, start).split('\n').toReversed())
  read(text.slice(start).split('\n').slice(1))
  return found
}

function schemaAt(schema: Schema, path: readonly string[]): Schema | undefined {
  return path.reduce<Schema | undefined>(
    (found, key) => (key === '' ? found?.items : found?.properties?.[key]),
    schema,
  )
}

function valuesOf(schema: Schema | undefined): readonly string[] {
  if (!schema) return []
  if (schema.anyOf) return schema.anyOf.flatMap(valuesOf)
  if (schema.const !== undefined) return [String(schema.const)]
  if (schema.enum) return schema.enum.map(String)
  if (schema.type === 'string' && schema.examples) return schema.examples.map(String)
  return schema.type === 'boolean' ? ['true', 'false'] : []
}
