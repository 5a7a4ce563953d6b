import { createHash, randomUUID } from 'node:crypto'
import type { Answer, Request } from '../backends.ts'
import type { Cloud } from '../cloud.ts'
import { Refusal } from '../ec2/refusal.ts'
import { contentXml, type Tree } from '../ec2/xml.ts'
import { type Bucket, objectIn, putObject, type StoredObject } from './objects.ts'
import { type ObjectRequest, objectRequest } from './requests.ts'

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'
const MAX_KEYS = 1000

/** S3 over the buckets of a cloud: what keeps and shows evidence. */
export function answerS3(cloud: Cloud, now: () => number): (request: Request) => Promise<Answer> {
  return async ({ method = 'GET', path = '/', headers, body }) => {
    const asked = objectRequest(method, path)
    try {
      const bucket = cloud.buckets?.get(asked.bucket)
      if (!bucket) throw new Refusal('NoSuchBucket', 'The specified bucket does not exist', 404)
      return carryOut(bucket, asked, headers, body, now())
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      return s3Refusal(thrown.status, thrown.code, thrown.message)
    }
  }
}

function carryOut(
  bucket: Bucket,
  asked: ObjectRequest,
  headers: Request['headers'],
  body: Buffer,
  now: number,
): Answer {
  const { action, key, query } = asked
  switch (action) {
    case 'PutObject':
      return {
        status: 200,
        headers: headersOf(putObject(bucket, key, body, headers, now), true),
        body: Buffer.alloc(0),
      }
    case 'HeadObject':
    case 'GetObject': {
      const stored = objectIn(bucket, key, query.get('versionId') ?? undefined)
      if (!stored) throw new Refusal('NoSuchKey', 'The specified key does not exist.', 404)
      const shown = headersOf(stored, headers['x-amz-checksum-mode'] === 'ENABLED')
      const more = {
        'content-type': stored.type,
        'content-length': String(stored.bytes.length),
        'last-modified': new Date(stored.storedAt).toUTCString(),
      }
      return { status: 200, headers: { ...shown, ...more }, body: stored.bytes }
    }
    case 'GetObjectLockConfiguration':
      return lockConfiguration(bucket)
    case 'ListObjectsV2':
      return listObjects(bucket, query.get('prefix') ?? '')
    default:
      throw new Refusal('NotImplemented', 'The sandbox does not implement this request', 501)
  }
}

function headersOf(stored: StoredObject, withDigest: boolean): Record<string, string> {
  const { version, sha256, key, lock, bytes } = stored
  return {
    ...requestId(),
    etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
    ...(version === undefined ? {} : { 'x-amz-version-id': version }),
    ...(withDigest && sha256 !== undefined ? { 'x-amz-checksum-sha256': sha256 } : {}),
    'x-amz-server-side-encryption': key === undefined ? 'AES256' : 'aws:kms',
    ...(key === undefined ? {} : { 'x-amz-server-side-encryption-aws-kms-key-id': key }),
    ...(lock
      ? {
          'x-amz-object-lock-mode': lock.mode,
          'x-amz-object-lock-retain-until-date': new Date(lock.until).toISOString(),
        }
      : {}),
  }
}

function lockConfiguration({ lock }: Bucket): Answer {
  if (!lock)
    throw new Refusal(
      'ObjectLockConfigurationNotFoundError',
      'Object Lock configuration does not exist for this bucket',
      404,
    )
  const { mode, days } = lock
  return xmlAnswer('ObjectLockConfiguration', {
    ObjectLockEnabled: 'Enabled',
    ...(mode === undefined ? {} : { Rule: { DefaultRetention: { Mode: mode, Days: days } } }),
  })
}

function listObjects({ name, objects }: Bucket, prefix: string): Answer {
  const keys = [...objects.keys()].filter(key => key.startsWith(prefix)).toSorted()
  const shown = keys.slice(0, MAX_KEYS)
  const contents = shown.flatMap(key => {
    const stored = objects.get(key)?.at(-1)
    return stored ? [{ Key: key, LastModified: new Date(stored.storedAt), Size: stored.bytes.length }] : []
  })
  const head = {
    Name: name,
    Prefix: prefix,
    KeyCount: shown.length,
    MaxKeys: MAX_KEYS,
    IsTruncated: keys.length > MAX_KEYS,
  }
  const inner = contentXml(head) + contents.map(one => contentXml({ Contents: one })).join('')
  return xmlText(200, `<ListBucketResult xmlns="${NAMESPACE}">${inner}</ListBucketResult>`)
}

/** S3's errors have no namespace, and none of the Query protocol's wrapping. */
export function s3Refusal(status: number, code: string, message: string): Answer {
  return xmlText(status, contentXml({ Error: { Code: code, Message: message } }))
}

function xmlAnswer(root: string, tree: Tree): Answer {
  return xmlText(200, `<${root} xmlns="${NAMESPACE}">${contentXml(tree)}</${root}>`)
}

function xmlText(status: number, xml: string): Answer {
  const headers = { 'content-type': 'application/xml', ...requestId() }
  return { status, headers, body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}`) }
}

function requestId(): Record<string, string> {
  return { 'x-amz-request-id': randomUUID() }
}
