import { readFileSync } from 'node:fs'
import { MezError, messageOf } from '../../kernel/error.ts'

/**
 * The environment variable, or the content of the file that `<name>_FILE` names, as Docker and Kubernetes mount secrets:
 * other programs cannot see it in the environment of the process. Undefined: neither is set, or, with `optional`, the
 * file does not exist or is empty. Throws `MEZ_CONFIG_INVALID` if both are set and `MEZ_CONFIG_UNREADABLE` if the file cannot be read or is empty.
 */
export function secretVariable(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  { optional = false } = {},
): string | undefined {
  const text = env[name] || undefined
  const file = env[`${name}_FILE`] || undefined
  if (file === undefined) return text
  if (text !== undefined)
    throw new MezError('MEZ_CONFIG_INVALID', `both ${name} and ${name}_FILE are set`, {
      hint: 'Unset one of them.',
    })
  let content: string
  try {
    content = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    if (optional && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new MezError('MEZ_CONFIG_UNREADABLE', `${name}_FILE: cannot read ${file}: ${messageOf(cause)}`, {
      cause,
    })
  }
  if (content === '' && optional) return undefined
  if (content === '') throw new MezError('MEZ_CONFIG_UNREADABLE', `${name}_FILE: ${file} is empty`)
  return content
}
