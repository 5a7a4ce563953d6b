import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { invocationOf } from '../../functions/sandbox/lambda.ts'
import { noticeOf } from './watch-envelope-events.ts'

test('S3 is loaded with the first object, not for subscriptions; EC2 never is', async () => {
  const asked = new Set<string>()
  registerHooks({
    resolve(specifier, context, next) {
      asked.add(specifier)
      return next(specifier, context)
    },
  })
  const { createWatch } = await import('../../functions/entry/aws/watch.ts')
  const watch = createWatch({
    AWS_REGION: 'eu-central-1',
    // Nobody listens at the discard port, and one refusal is enough.
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    AWS_MAX_ATTEMPTS: '1',
    AWS_ACCESS_KEY_ID: 'SANDBOX',
    AWS_SECRET_ACCESS_KEY: 'sandbox',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    FIREBREAK_CONFIG: JSON.stringify({
      account: '123456789012',
      table: 'firebreak-ledger',
      queue: 'https://sqs.example.com/orders',
      deadLetters: 'https://sqs.example.com/dead-letters',
      buckets: { 'example-logs': { source: 'aws-vpc-flow' } },
    }),
  })
  const invocation = () => invocationOf('firebreak-watch', 60_000)
  const data = gzipSync('{"messageType":"CONTROL_MESSAGE"}').toString('base64')
  assert.partialDeepStrictEqual(await watch({ awslogs: { data } }, invocation()), { kind: 'control' })
  assert.ok(!asked.has('@aws-sdk/client-s3'))
  await assert.rejects(watch(noticeOf({ bucket: 'example-logs', key: 'x.log.gz' }), invocation()), /RetryableError/)
  assert.ok(asked.has('@aws-sdk/client-s3'))
  assert.ok(!asked.has('@aws-sdk/client-ec2'))
})
