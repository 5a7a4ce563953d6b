import assert from 'node:assert/strict'
import { test } from 'node:test'
import { build } from 'esbuild'
import { ConfigurationError } from '../../core/errors.ts'
import { awsClients, connection } from './clients.ts'
import { ec2Clients } from './ec2.ts'

const environment = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'example',
}

test('connection() prefers the endpoint of the service over the common one', () => {
  const set = { ...environment, AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_EC2: 'http://127.0.0.1:2' }
  assert.equal(connection(set, 'EC2').endpoint, 'http://127.0.0.1:2')
  assert.equal(connection(set, 'SQS').endpoint, 'http://127.0.0.1:1')
})

test('connection() ignores endpoints where AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says so', () => {
  const set = { ...environment, AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }
  assert.equal(connection(set, 'EC2').endpoint, undefined)
})

test('connection() refuses an environment without a region, or with an endpoint or a count that is none', () => {
  assert.throws(() => connection({}, 'EC2'), ConfigurationError)
  assert.throws(
    () => connection({ ...environment, AWS_ENDPOINT_URL: 'nowhere' }, 'EC2'),
    /the endpoint of EC2 is "nowhere"/,
  )
  for (const count of ['AWS_MAX_ATTEMPTS', 'FIREBREAK_REQUEST_TIMEOUT_MS'])
    assert.throws(() => connection({ ...environment, [count]: 'many' }, 'EC2'), new RegExp(`${count} is "many"`))
})

test('a client is made once, from the environment that is handed in', async () => {
  const clients = awsClients(environment)
  assert.equal(clients.documents(), clients.documents())
  assert.equal(await clients.sqs().config.region(), 'eu-central-1')
  const { accessKeyId } = await clients.sqs().config.credentials()
  assert.equal(accessKeyId, environment.AWS_ACCESS_KEY_ID)
  clients.destroy()
})

test('the EC2 client that must not repeat a call tries once, and the one that collects adapts', async () => {
  const ec2 = ec2Clients(environment, { maxAttempts: 7 })
  assert.equal(await ec2.single().config.maxAttempts(), 1)
  assert.equal(await ec2.standard().config.maxAttempts(), 7)
  assert.equal(await ec2.adaptive().config.retryMode, 'adaptive')
  ec2.destroy()
})

test('what a watching function imports carries no EC2 client', async () => {
  const { metafile } = await build({
    stdin: {
      contents: `export * from './clients.ts'; export * from './ledger.ts'; export * from './queue.ts'; export * from './dead-letters.ts'`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    logLevel: 'silent',
  })
  const inputs = Object.keys(metafile.inputs)
  assert.ok(inputs.some(path => path.includes('@aws-sdk/client-dynamodb')))
  assert.deepEqual(
    inputs.filter(path => path.includes('client-ec2')),
    [],
  )
})
