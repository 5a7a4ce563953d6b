// The Serverless Framework reads no .ts and no .mjs through ${file()}, but a .cjs, and Node 24 requires .ts.
const { packageTemplate } = require('./template.ts')

let template

module.exports = () => {
  template ??= packageTemplate(process.env.FIREBREAK_SETTINGS ?? 'firebreak.json').catch(refuse)
  return template
}

/** Thrown, it would be printed with a stack for each of the places in serverless.yml that refer here. */
function refuse(error) {
  if (error.name !== 'ConfigurationError') throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
