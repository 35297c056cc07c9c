import { CliError } from './cli-error.ts'

/** `k=v,k=v` as an object without a prototype; a missing `=`, an empty or repeated key is wrong usage. */
export function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = Object.create(null)
  for (const pair of text.split(',').map((part) => part.trim())) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const key = pair.slice(0, at).trim()
    if (at < 1 || key === '') {
      throw new CliError('MEZ_USAGE', `--labels: ${JSON.stringify(pair)} is not key=value`)
    }
    if (key in labels)
      throw new CliError('MEZ_USAGE', `--labels: the key ${JSON.stringify(key)} is given twice`)
    labels[key] = pair.slice(at + 1).trim()
  }
  return labels
}

/** `a,b` as a list without empty and repeated entries. */
export function parseList(text: string): string[] {
  return [...new Set(text.split(',').map((part) => part.trim()))].filter((part) => part !== '')
}
