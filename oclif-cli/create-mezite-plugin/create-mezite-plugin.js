#!/usr/bin/env node
import { existsSync } from 'node:fs'

// A checkout runs its sources unbuilt; a published package has only dist.
const source = new URL('./generator.ts', import.meta.url)
const { runGenerator } = await import(
  existsSync(source) ? source : new URL('./dist/generator.js', import.meta.url)
)
process.exitCode = runGenerator(process.argv.slice(2))
