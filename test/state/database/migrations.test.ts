// together: quick
/** The rule of upgrades: what a database has been through never changes, and what comes next only adds. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { collectMigrations } from './collect-migrations.ts'

/** Hashes of the statements of each migration, as they were when it was committed. */
const recorded: Record<string, string> = JSON.parse(
  readFileSync(join(import.meta.dirname, 'recorded-migrations.json'), 'utf8'),
)
const migrations = await collectMigrations()
const hashOf = (statements: readonly string[]) =>
  createHash('sha256').update(statements.join('\n')).digest('hex').slice(0, 32)

/** What a hub of the version before does not notice. */
function isAdditive(statement: string, made: ReadonlySet<string>, replaced: ReadonlySet<string>): boolean {
  const [, table = ''] =
    /^(?:create (?:table|(?:unique )?index \S+ on)|alter table|insert into|update) (\S+)/i.exec(
      statement.replaceAll('"', ''),
    ) ?? []
  if (/^create (table|function|view) /i.test(statement)) return true
  // A large table gets its indexes later.
  if (/^select pg_relation_size\(\$1\) as bytes$/i.test(statement)) return true
  // Whether there is such a table. With one of the core, what it then inserts must concern nobody.
  if (/^select "tablename" from "pg_tables" where "tablename" = \$1$/i.test(statement)) return true
  // A view that reads and writes like the table whose name it takes; its tests run the statements of the version
  // before.
  if (/^create trigger \S+ instead of /i.test(statement)) return true
  const [, renamed] = /^alter table (\S+) rename to \S+$/i.exec(statement.replaceAll('"', '')) ?? []
  if (renamed !== undefined) return replaced.has(renamed)
  if (/^create index /i.test(statement)) return true
  // An index that another one replaces: the version before is slower at most.
  const [, dropped] = /^drop index (?:if exists )?(\S+)$/i.exec(statement.replaceAll('"', '')) ?? []
  if (dropped !== undefined) return replaced.has(dropped)
  if (/^(create unique index|insert into|update) /i.test(statement)) return made.has(table)
  if (!/^alter table /i.test(statement)) return false
  const revisions = statement.replace(/^alter table \S+ /i, '').split(/,(?![^(]*\))/)
  return revisions.every(
    (change) =>
      /^\s*add column /i.test(change) &&
      (!/\bnot null\b/i.test(change) || /\bdefault\b/i.test(change)) &&
      !/\b(unique|primary key|check|references)\b/i.test(change),
  )
}

const isAdditiveAll = (statements: readonly string[]): boolean => {
  const made = new Set(
    statements.flatMap((statement) => /^create table (\S+)/i.exec(statement.replaceAll('"', ''))?.[1] ?? []),
  )
  const replaced = new Set(
    statements.flatMap(
      (statement) => /^create (?:index|view) (\S+)/i.exec(statement.replaceAll('"', ''))?.[1] ?? [],
    ),
  )
  return statements.every((statement) => isAdditive(statement, made, replaced))
}

t.test('fault 34: a committed migration never changes or disappears', (t) => {
  t.ok(migrations.size > 15, `${migrations.size} migrations`)
  const changed = Object.entries(recorded)
    .filter(([name, hash]) => hashOf(migrations.get(name) ?? []) !== hash)
    .map(
      ([name]) => `${name} is not what databases have been through: put it back, and add another migration`,
    )
  t.strictSame(changed, [])
  const missing = [...migrations]
    .filter(([name]) => !Object.hasOwn(recorded, name))
    .map(([name, statements]) => `recorded-migrations.json lacks the line "${name}": "${hashOf(statements)}"`)
  t.strictSame(missing, [])
  t.end()
})

t.test('fault 34: a migration only adds, unless its name ends in -breaking', (t) => {
  const taking = [...migrations]
    .filter(([name, statements]) => !name.endsWith('-breaking') && !isAdditiveAll(statements))
    .map(([name]) => name)
  t.strictSame(taking, [])
  for (const statement of [
    'DROP TABLE users',
    'ALTER TABLE users DROP COLUMN name',
    'ALTER TABLE users RENAME COLUMN name TO called',
    'ALTER TABLE users RENAME TO people',
    'ALTER TABLE users ALTER COLUMN name TYPE integer',
    'ALTER TABLE users ADD COLUMN age integer NOT NULL',
    'ALTER TABLE users ADD COLUMN a text, ADD COLUMN b text NOT NULL',
    'ALTER TABLE users ADD COLUMN a text, DROP COLUMN b',
    'ALTER TABLE users ADD COLUMN a numeric(3, 1) NOT NULL',
    'ALTER TABLE users ADD COLUMN a text UNIQUE',
    'ALTER TABLE users ADD CONSTRAINT short CHECK (length(name) < 9)',
    'CREATE UNIQUE INDEX one ON users (name)',
    'DELETE FROM users',
    'DROP INDEX users_name',
    'UPDATE users SET name = key',
  ]) {
    t.notOk(isAdditiveAll([statement]), statement)
  }
  for (const statement of [
    'ALTER TABLE users ADD COLUMN age integer',
    "ALTER TABLE users ADD COLUMN a text NOT NULL DEFAULT '', ADD COLUMN b numeric(3, 1)",
    'CREATE INDEX by_name ON users (name)',
  ]) {
    t.ok(isAdditiveAll([statement]), statement)
  }
  t.end()
})
