#!/usr/bin/env node
import { launch } from '@mezite/core/launch'

// Docker starts it by this name, with the operation as its only argument.
process.argv.splice(2, 0, 'docker-credential')
await launch('docker-credential-mezite', import.meta.url, 'bin')
