import type { Cloud } from '../cloud.ts'
import { objectIn } from '../s3/objects.ts'
import { objectRequest } from '../s3/requests.ts'
import { type Right, right } from './right.ts'

/**
 * What S3's calls ask of IAM (S3 User Guide, "Required permissions for Amazon S3 API operations"), and what an object's key
 * asks besides. `undefined`: no row says so.
 */
export function objectRights(
  cloud: Cloud,
  {
    method,
    path,
    headers,
  }: { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>> },
): readonly Right[] | undefined {
  const { action, bucket, key, query } = objectRequest(method, path)
  const whole = `arn:aws:s3:::${bucket}`
  const object = `${whole}/${key}`
  switch (action) {
    case 'GetObjectLockConfiguration':
      return [right('s3:GetBucketObjectLockConfiguration', whole)]
    case 'ListObjectsV2':
      return [right('s3:ListBucket', whole)]
    case 'PutObject': {
      const sealing = headers['x-amz-server-side-encryption-aws-kms-key-id']
      return [
        right('s3:PutObject', object),
        ...(headers['x-amz-object-lock-mode'] === undefined ? [] : [right('s3:PutObjectRetention', object)]),
        ...(sealing === undefined ? [] : [right('kms:GenerateDataKey', sealing)]),
      ]
    }
    case 'HeadObject':
    case 'GetObject': {
      const version = query.get('versionId') ?? undefined
      const held = cloud.buckets?.get(bucket)
      const stored = held && objectIn(held, key, version)
      // Of one that is missing only who may list the bucket is told so.
      if (!stored) return [right('s3:ListBucket', whole)]
      const opened = action === 'GetObject' || headers['x-amz-checksum-mode'] === 'ENABLED'
      return [
        right(version === undefined ? 's3:GetObject' : 's3:GetObjectVersion', object),
        ...(opened && stored.key !== undefined ? [right('kms:Decrypt', stored.key)] : []),
      ]
    }
    default:
      return undefined
  }
}
