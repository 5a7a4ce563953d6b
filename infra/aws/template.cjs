// The Serverless Framework reads no .ts and no .mjs through ${file()}, but a .cjs, and Node 24 requires .ts.
const { packageTemplate } = require('./template.ts')

let template

module.exports = () => {
  template ??= packageTemplate(process.env.FIREBREAK_SETTINGS ?? 'firebreak.json')
  return template
}
