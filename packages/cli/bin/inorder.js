#!/usr/bin/env node
// The command line, with whatever Node (18 or later) is there: the bootstrap runs it with Node 24, from the repository's
// folder. So a path that the user gave is made absolute here.
import { resolve } from 'node:path'

const { env } = process
if (env.INORDER_TOKEN_FILE) env.INORDER_TOKEN_FILE = resolve(env.INORDER_TOKEN_FILE)
process.argv.splice(2, 0, 'packages/cli/src/main.ts')
await import('../../../stack/bootstrap.js')
