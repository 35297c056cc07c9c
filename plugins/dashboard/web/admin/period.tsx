import { useId, useState } from 'preact/hooks'
import { ChoiceField } from './fields.tsx'
import { a } from './text.ts'

const HOUR = 3_600_000

interface Period {
  /** RFC 3339, or empty: since ever, and until now. */
  readonly from: string
  readonly to: string
}

/** The beginning of a day in the time zone of the browser; `before` days ago. */
function dayStart(before: number): Date {
  const day = new Date()
  day.setHours(0, 0, 0, 0)
  day.setDate(day.getDate() - before)
  return day
}

const since = (ms: number): Period => ({ from: new Date(Date.now() - ms).toISOString(), to: '' })

/** The last 24 hours: what lists of visits begin with. */
export const lastDay = (): Period => since(24 * HOUR)

const CHOICES: Readonly<Record<string, () => Period>> = {
  ever: () => ({ from: '', to: '' }),
  hour: () => since(HOUR),
  day: lastDay,
  today: () => ({ from: dayStart(0).toISOString(), to: '' }),
  yesterday: () => ({ from: dayStart(1).toISOString(), to: dayStart(0).toISOString() }),
  week: () => since(7 * 24 * HOUR),
}

/** A period that was chosen by its name a moment ago still has this name. */
const MOMENT_MS = 5 * 60_000

/** The name of a period as it would be chosen now; `own` if it has none. */
function nameOf({ from, to }: Period): string {
  const near = (one: string, other: string) =>
    one === other || Math.abs(Date.parse(one) - Date.parse(other)) < MOMENT_MS
  const found = Object.entries(CHOICES).find(([, choose]) => {
    const choice = choose()
    return near(choice.from, from) && choice.to === to
  })
  return found?.[0] ?? 'own'
}

/** What `datetime-local` shows and returns: the time of the browser's zone. */
function localOf(time: string): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return ''
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** A period by its name, or by its beginning and end, which an own period has from the one before. */
export function PeriodFields(props: Period & { onChange(period: Period): void }) {
  const { from, to, onChange } = props
  const id = useId()
  const [named, setNamed] = useState(() => ({ name: nameOf({ from, to }), from, to }))
  const chosen = named.from === from && named.to === to ? named.name : nameOf({ from, to })
  const choose = (name: string, period: Period) => {
    setNamed({ name, ...period })
    onChange(period)
  }
  const moment = (name: 'from' | 'to', title: string, value: string) => (
    <div class="field">
      <label for={`${id}-${name}`}>{title}</label>
      <input
        id={`${id}-${name}`}
        type="datetime-local"
        value={localOf(value)}
        onChange={(event) => {
          const { value } = event.currentTarget
          choose('own', { from, to, [name]: value === '' ? '' : new Date(value).toISOString() })
        }}
      />
    </div>
  )
  return (
    <>
      <ChoiceField
        label={a('period')}
        value={chosen}
        options={[
          ['ever', a('anyTime')],
          ['hour', a('lastHour')],
          ['day', a('lastDay')],
          ['today', a('today')],
          ['yesterday', a('yesterday')],
          ['week', a('days', { count: 7 })],
          ['own', a('ownPeriod')],
        ]}
        onChange={(name) =>
          choose(
            name,
            CHOICES[name]?.() ?? {
              from: from || dayStart(0).toISOString(),
              to: to || new Date().toISOString(),
            },
          )
        }
      />
      {chosen === 'own' && moment('from', a('periodFrom'), from)}
      {chosen === 'own' && moment('to', a('periodTo'), to)}
    </>
  )
}
