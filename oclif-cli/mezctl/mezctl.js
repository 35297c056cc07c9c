#!/usr/bin/env node
import { launch } from '@mezite/core/launch'

await launch('mezctl', import.meta.url, 'bin')
