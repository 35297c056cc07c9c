import assert from 'node:assert/strict'
import { test } from 'node:test'
import Hello from './hello.ts'

test('it has a summary and the output formats', () => {
  assert.equal(Hello.summary, 'Say hello')
  assert.deepEqual(Object.keys(Hello.baseFlags).sort(), ['format', 'json'])
})
