type Cells = Readonly<Record<string, string>>

/** The members of a document by their paths, as text: `status.state`. */
function cellsOf(value: unknown, path = ''): Cells {
  if (value === null || value === undefined) return { [path]: '' }
  if (Array.isArray(value)) {
    const texts = value.map((one) => (typeof one === 'object' ? JSON.stringify(one) : String(one)))
    return { [path]: texts.join(' ') }
  }
  if (typeof value !== 'object') return { [path]: String(value) }
  const members = Object.entries(value).map(([name, one]) =>
    cellsOf(one, path === '' ? name : `${path}.${name}`),
  )
  return Object.assign({}, ...members) as Cells
}

/** Documents as a file (RFC 4180) that spreadsheets take for no formula: a line each, a column for each member. */
export function csvOf(rows: readonly object[]): string {
  const all = rows.map((row) => cellsOf(row))
  const names = [...new Set(all.flatMap((cells) => Object.keys(cells)))]
  const cell = (text: string) => {
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  const lines = [names, ...all.map((cells) => names.map((name) => cells[name] ?? ''))]
  return lines.map((line) => line.map(cell).join(',')).join('\r\n')
}

/** Saves a text as a file. */
export function save(text: string, file: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }))
  link.download = file
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
