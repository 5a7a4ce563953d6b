import { run } from '../program.ts'
import { corpusCommand } from './command.ts'

// `npm run bench -- corpus` by itself.
await run(corpusCommand())
