#!/usr/bin/env node
import { launch } from './launch.js'

await launch('mezhub', import.meta.url, 'program/bin')
