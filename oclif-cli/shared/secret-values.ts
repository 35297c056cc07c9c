import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { CliError } from './cli-error.ts'
import type { ResourceDocument } from './documents.ts'

const SECRETS = ['client_secret', 'private_key']

/**
 * The document with `{file: PATH}` and `{env: NAME}` secrets read on this machine and sent as `{value}`. A relative
 * PATH counts from the document's folder; one line break at the end of the file is not part of the secret.
 */
export function resolveSecrets(document: ResourceDocument): Record<string, unknown> {
  if (document.kind !== 'oidc') return document.value
  const spec = { ...(document.value.spec as Record<string, unknown>) }
  for (const key of SECRETS) {
    const source = spec[key] as { file?: unknown; env?: unknown } | undefined
    if (typeof source !== 'object' || source === null) continue
    const place = `${document.place(`spec.${key}`)}: spec.${key}`
    if (typeof source.file === 'string') spec[key] = { value: readSecret(source.file, document.file, place) }
    else if (typeof source.env === 'string') spec[key] = { value: secretFromEnvironment(source.env, place) }
  }
  return { ...document.value, spec }
}

function readSecret(path: string, file: string, place: string): string {
  const found = resolve(file === 'standard input' ? '.' : dirname(file), path)
  let text: string
  try {
    text = readFileSync(found, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    throw new CliError(
      'MEZ_SECRET_MISSING',
      `${place}: cannot read the secret file ${found}: ${(cause as Error).message}`,
      { cause },
    )
  }
  if (text === '') throw new CliError('MEZ_SECRET_MISSING', `${place}: the secret file ${found} is empty`)
  return text
}

function secretFromEnvironment(name: string, place: string): string {
  const value = process.env[name]
  if (!value)
    throw new CliError('MEZ_SECRET_MISSING', `${place}: the environment variable ${name} is not set`)
  return value
}
