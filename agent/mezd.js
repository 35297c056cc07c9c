#!/usr/bin/env node
import { launch } from '@mezite/core/launch'

await launch('mezd', import.meta.url, 'bin')
