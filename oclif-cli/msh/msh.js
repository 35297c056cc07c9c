#!/usr/bin/env node
import { launch } from '@mezite/core/launch'

await launch('msh', import.meta.url, 'bin')
