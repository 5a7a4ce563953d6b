import assert from 'node:assert/strict'
import { after, before, beforeEach } from 'node:test'
import { EC2Client, EC2ServiceException } from '@aws-sdk/client-ec2'
import { createClock, type VirtualClock } from '../../functions/sandbox/clock.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { emptyCloud } from '../../functions/sandbox/fixture.ts'
import { type Sandbox, startSandbox } from '../../functions/sandbox/front.ts'

/** The sandbox behind its front and an unmodified SDK client, with a fresh cloud for each test. */
export interface Stage {
  sandbox: Sandbox
  cloud: Cloud
  clock: VirtualClock
  client: EC2Client
}

export const START = Date.UTC(2026, 0, 2)

/** Registers the hooks of a suite. What the stage holds is there inside a test only. */
export function stageSandbox(prepare: (cloud: Cloud) => void): Stage {
  const cloud = emptyCloud()
  const stage: Partial<Stage> = { cloud, clock: createClock(START) }
  const ready = (): Stage => {
    const { sandbox, clock, client } = stage
    assert.ok(sandbox && clock && client)
    return { sandbox, cloud, clock, client }
  }
  before(async () => {
    const clock = createClock(START)
    const sandbox = await startSandbox({ clock, cloud, latencies: { ec2: 0, dynamodb: 0, sqs: 0 } })
    const client = new EC2Client({ ...connection(sandbox), maxAttempts: 1 })
    Object.assign(stage, { sandbox, clock, client })
  })
  beforeEach(() => {
    const fresh = emptyCloud()
    prepare(fresh)
    Object.assign(cloud, fresh)
  })
  after(async () => {
    const { client, sandbox } = ready()
    client.destroy()
    await sandbox.close()
  })
  return {
    get sandbox() {
      return ready().sandbox
    },
    cloud,
    get clock() {
      return ready().clock
    },
    get client() {
      return ready().client
    },
  }
}

export function connection({ environment }: Sandbox) {
  return {
    endpoint: environment.AWS_ENDPOINT_URL,
    region: environment.AWS_REGION,
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
    },
  }
}

/** That the SDK makes the error of it that AWS's would make: by code, with status and request id. */
export async function refuses(answer: Promise<unknown>, code: string, status = 400): Promise<void> {
  await assert.rejects(answer, thrown => {
    assert.ok(thrown instanceof EC2ServiceException, String(thrown))
    assert.equal(thrown.name, code)
    assert.equal(thrown.$metadata.httpStatusCode, status)
    assert.match(thrown.$metadata.requestId ?? '', /^[0-9a-f-]{36}$/)
    return true
  })
}
