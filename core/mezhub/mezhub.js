#!/usr/bin/env node
import '@mezite/core/mezhub'
