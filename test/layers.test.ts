import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

const root = join(import.meta.dirname, '..')

const forbidden = [
  ['core to a cloud', 'functions/core', '../clouds/aws/ledger.ts'],
  ['core to an SDK', 'functions/core', '@aws-sdk/client-ec2'],
  ['core to middy', 'functions/core', '@middy/core'],
  ['a source to its sibling', 'functions/sources/aws-vpc-flow', '../aws-network-firewall/index.ts'],
  ['a rule to its sibling', 'functions/rules/mining-pool', '../reverse-tunnel/index.ts'],
  ['a rule to a source', 'functions/rules/mining-pool', '../../sources/registry.ts'],
  ['a ticket target to its sibling', 'functions/tickets/webhook', '../other/index.ts'],
  ['one cloud to the other', 'functions/clouds/aws', '../aliyun/ledger.ts'],
  ['a step to the other cloud', 'functions/clouds/aws/steps', '../../aliyun/ledger.ts'],
  ['the report to a cloud', 'functions/report', '../clouds/aws/ledger.ts'],
  ['the sandbox to a cloud', 'functions/sandbox/ec2', '../../clouds/aws/ledger.ts'],
  ['the sandbox to entry', 'functions/sandbox', '../entry/config.ts'],
  ['entry to the command', 'functions/entry', '../cli/main.ts'],
  ['a handler to the sandbox', 'functions/entry/aws', '../../sandbox/front.ts'],
  ['entry to an SDK', 'functions/entry', '@aws-sdk/client-ec2'],
] as const

const allowed = [
  ['a source to core', 'functions/sources/aws-vpc-flow', '../../core/flow.ts'],
  ['a source to envelopes', 'functions/sources/aws-vpc-flow', '../envelopes/subscription.ts'],
  ['a rule to indicators', 'functions/rules/mining-pool', '../indicators/pools.ts'],
  ['a ticket target to http', 'functions/tickets/webhook', '../http/session.ts'],
  ['a step to its cloud', 'functions/clouds/aws/steps', '../ec2.ts'],
  ['a step to core', 'functions/clouds/aws/steps', '../../../core/ports.ts'],
  ['a handler to a cloud', 'functions/entry/aws', '../../clouds/aws/ledger.ts'],
  ['the command to the sandbox', 'functions/cli', '../sandbox/front.ts'],
] as const

const tree = await mkdtemp(join(tmpdir(), 'firebreak-layers-'))
after(() => rm(tree, { recursive: true, force: true }))

async function plant(path: string, code: string): Promise<void> {
  await mkdir(dirname(join(tree, path)), { recursive: true })
  await writeFile(join(tree, path), code)
}

/** Every file is planted in one tree under the project's own rules, so that Biome runs once. */
async function lint(): Promise<string> {
  await cp(join(root, 'biome.json'), join(tree, 'biome.json'))
  await writeFile(join(tree, '.gitignore'), 'node_modules/\n')
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'))
  for (const [index, [, folder, target]] of forbidden.entries()) {
    await plant(`${folder}/value-${index}.ts`, `import { planted } from '${target}'\n\nexport const use = planted\n`)
    await plant(`${folder}/type-${index}.ts`, `import type { Planted } from '${target}'\n\nexport type Use = Planted\n`)
  }
  for (const [index, [, folder, target]] of allowed.entries())
    await plant(`${folder}/fine-${index}.ts`, `import { planted } from '${target}'\n\nexport const use = planted\n`)
  return new Promise(resolve => {
    const args = ['lint', '--max-diagnostics=none', '--reporter=github', '.']
    execFile(join(root, 'node_modules/.bin/biome'), args, { cwd: tree, maxBuffer: 1 << 24 }, (_error, stdout) =>
      resolve(stdout),
    )
  })
}

const said = await lint()

function isRefused(file: string): boolean {
  return said.split('\n').some(line => line.includes('noRestrictedImports') && line.includes(file))
}

for (const [index, [what, folder]] of forbidden.entries())
  test(`the linter refuses an import from ${what}, of a value and of a type`, () => {
    assert.ok(isRefused(`${folder}/value-${index}.ts`), said)
    assert.ok(isRefused(`${folder}/type-${index}.ts`), said)
  })

for (const [index, [what, folder]] of allowed.entries())
  test(`the linter allows an import from ${what}`, () => {
    assert.ok(!isRefused(`${folder}/fine-${index}.ts`))
  })
