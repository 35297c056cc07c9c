import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from '../../read-imports.ts'

const ALERTS = parse(readFileSync(join(root, 'examples/operations/alerts.yaml'), 'utf8')) as {
  groups: { rules: { alert: string; expr: string }[] }[]
}

/** Evaluates the expression of the alert on what Prometheus reads. */
export function fires(metrics: string): boolean {
  const rules = ALERTS.groups.flatMap((group) => group.rules)
  const { expr = '' } = rules.find(({ alert }) => alert === 'MeziteCertificateFailing') ?? {}
  const [, sample, most] = /^max\((\S+)\) > (\d+)$/.exec(expr)!
  const line = metrics.split('\n').find((one) => one.startsWith(`${sample} `))
  return Number(line?.split(' ')[1]) > Number(most)
}
