import { LABEL_KEY } from '@mezite/core'
import { RE2JS } from 're2js'
import type { AppLabels } from './role-resource.ts'

export type Labels = Readonly<Record<string, string>>
export type LabelMatcher = (labels: Labels) => boolean

export interface CompiledLabels {
  readonly matches: LabelMatcher
  readonly faults: readonly { readonly key: string; readonly message: string }[]
}

const KEY = new RegExp(LABEL_KEY)

type Test = (value: string) => boolean

const nothing: LabelMatcher = () => false

/**
 * Compiles `app_labels`: all keys must match. A value is exact, `*`, a list (any of), or an anchored regular
 * expression of RE2 (linear time, whole value). Missing or empty: nothing matches. `*: "*"` matches every app, also
 * one without labels. Comparison is byte for byte: no case folding, no Unicode normal form.
 * With faults, `matches` must not be used.
 */
export function compileLabels(labels: AppLabels | undefined): CompiledLabels {
  const faults: { key: string; message: string }[] = []
  const entries = Object.entries(labels ?? {})
  if (entries.length === 0) return { matches: nothing, faults }
  const tests: [string, Test][] = []
  for (const [key, value] of entries) {
    if (key === '*') {
      if (value !== '*') faults.push({ key, message: 'the key "*" takes only the value "*"' })
      continue
    }
    // No app has such a label, so a deny of it would have no effect.
    if (!KEY.test(key)) faults.push({ key, message: 'is not a label key; keys are exact, without patterns' })
    const values: readonly string[] = typeof value === 'string' ? [value] : value
    const any: Test[] = []
    for (const one of values) {
      const test = compileValue(one)
      if (test) any.push(test)
      else faults.push({ key, message: 'is not a regular expression in RE2 syntax (linear time)' })
    }
    tests.push([key, (label) => any.some((test) => test(label))])
  }
  const matches: LabelMatcher = (given) =>
    // Own properties only, so that an app without a label named `constructor` does not have one.
    tests.every(([key, test]) => Object.hasOwn(given, key) && test(given[key] as string))
  return { matches, faults }
}

function compileValue(value: string): Test | null {
  if (value === '*') return () => true
  if (!isPattern(value)) return (label) => label === value
  try {
    const pattern = RE2JS.compile(value)
    // The whole value, so that `^a|b$` does not match `ax`.
    return (label) => pattern.matches(label)
  } catch {
    return null
  }
}

const isPattern = (value: string) => value.length > 1 && value.startsWith('^') && value.endsWith('$')
