// Plain JavaScript, so that an older Node reaches the message instead of dying on TypeScript.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `firebreak needs Node 24 or later and this is ${process.version}.\n` +
      'In a clone `npm ci` brings one: run it through `npm run …` or `npx firebreak …`.\n',
  )
  process.exit(2)
}
