#!/usr/bin/env node
import './node-version.mjs'
import module from 'node:module'

// Half of a short run is compiling; an older Node has no such cache and only gets its message.
module.enableCompileCache?.()

const { main } = await import('./main.ts')
process.exitCode = await main(process.argv.slice(2))
