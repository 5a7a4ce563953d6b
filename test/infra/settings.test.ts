import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readConfig } from '../../functions/entry/config.ts'
import { configurationOf, readSettings } from '../../infra/aws/settings.ts'

const example = join(import.meta.dirname, '../../infra/aws/example.json')
let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firebreak-settings-'))
})
after(() => rm(folder, { recursive: true, force: true }))

/** The example with a part of it replaced, as a file. */
async function changed(change: (settings: ReturnType<typeof JSON.parse>) => void): Promise<string> {
  const settings = JSON.parse(await readFile(example, 'utf8'))
  change(settings)
  const path = join(folder, 'firebreak.json')
  await writeFile(path, JSON.stringify(settings))
  return path
}

test('the example is taken, and only observes', () => {
  const { config, deployment } = readSettings(example)
  assert.equal(config.policy.mode, 'observe')
  assert.equal(deployment.flowLog?.group, '/firebreak/flow')
})

test('what an artifact carries is read by the function with the environment that the template gives', () => {
  const text = configurationOf('respond', readSettings(example))
  const config = readConfig({
    FIREBREAK_CONFIG: text,
    FIREBREAK_ACCOUNT: '444455556666',
    FIREBREAK_TABLE: 'firebreak-ledger',
    FIREBREAK_QUEUE: 'https://sqs.example.com/444455556666/firebreak-orders.fifo',
    FIREBREAK_DEAD_LETTERS: 'https://sqs.example.com/444455556666/firebreak-dead-letters',
    FIREBREAK_WEBHOOK_SECRET: 'a secret of twenty characters',
  })
  assert.equal(config.account, '444455556666')
  assert.equal(config.tickets[0]?.secret, 'a secret of twenty characters')
})

test('a function that opens no tickets needs no secret and knows no tracker', () => {
  for (const name of ['watch', 'operate'] as const) {
    const text = configurationOf(name, readSettings(example))
    assert.doesNotMatch(text, /tickets|tracker\.example\.com|WEBHOOK/)
  }
})

test('readSettings() refuses a file that is missing or no JSON', async () => {
  assert.throws(
    () => readSettings(join(folder, 'nothing.json')),
    /^ConfigurationError: Cannot read .*nothing\.json: .*ENOENT/,
  )
  const path = join(folder, 'broken.json')
  await writeFile(path, '{')
  assert.throws(() => readSettings(path), /Cannot read .*broken\.json: SyntaxError/)
})

test('readSettings() refuses a misspelt setting, above and within the configuration', async () => {
  await assert.rejects(
    async () =>
      readSettings(
        await changed(all => {
          all.deployment.alarmTopics = ''
        }),
      ),
    /"alarmTopics"/,
  )
  await assert.rejects(
    async () =>
      readSettings(
        await changed(all => {
          all.configuration.logGroup = {}
        }),
      ),
    /"logGroup"/,
  )
})

test('readSettings() refuses what the template fills in', async () => {
  for (const name of ['account', 'table', 'queue', 'deadLetters']) {
    const path = await changed(all => {
      all.configuration[name] = 'x'
    })
    assert.throws(() => readSettings(path), new RegExp(`"${name}" is filled in by the template`))
  }
})

test('readSettings() refuses a secret in clear, and one that nothing gives a value', async () => {
  const clear = await changed(all => {
    all.configuration.tickets[0].secret = 'in clear, for all to read'
  })
  assert.throws(
    () => readSettings(clear),
    error => {
      assert.match(String(error), /"tickets\.0\.secret" is in clear/)
      assert.doesNotMatch(String(error), /for all to read/)
      return true
    },
  )
  const unnamed = await changed(all => {
    all.deployment.secrets = {}
  })
  assert.throws(() => readSettings(unnamed), /FIREBREAK_WEBHOOK_SECRET is not set/)
})

test('readSettings() refuses a log format that watch could not read', async () => {
  const path = await changed(all => {
    all.configuration.logGroups['/firebreak/flow'].fields = 'srcaddr dstadr'
  })
  assert.throws(() => readSettings(path), /dstadr/)
})

test('readSettings() refuses a flow log whose group is not configured with its format', async () => {
  for (const change of [
    (group: Record<string, unknown>) => {
      delete group['fields']
    },
    (group: Record<string, unknown>) => {
      group['source'] = 'aws-network-firewall'
      delete group['fields']
    },
  ]) {
    const path = await changed(all => change(all.configuration.logGroups['/firebreak/flow']))
    assert.throws(() => readSettings(path), /deployment\.flowLog\.group is "\/firebreak\/flow"/)
  }
})
