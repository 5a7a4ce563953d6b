/** What a request of S3's REST protocol asks for, in path style: `/BUCKET/KEY?…`. */
export interface ObjectRequest {
  /** As the API calls it; empty where the sandbox knows none. */
  readonly action: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
}

const OF_OBJECTS: Readonly<Record<string, string>> = { PUT: 'PutObject', HEAD: 'HeadObject', GET: 'GetObject' }

export function objectRequest(method: string, path: string): ObjectRequest {
  const { pathname, searchParams: query } = new URL(path, 'http://s3.invalid')
  const slash = pathname.indexOf('/', 1)
  const [bucket, key] = slash < 0 ? [pathname.slice(1), ''] : [pathname.slice(1, slash), pathname.slice(slash + 1)]
  const action = key === '' ? actionOnBucket(method, query) : (OF_OBJECTS[method] ?? '')
  return { action, bucket: decoded(bucket), key: decoded(key), query }
}

function actionOnBucket(method: string, query: URLSearchParams): string {
  if (method !== 'GET') return ''
  if (query.has('object-lock')) return 'GetObjectLockConfiguration'
  return query.get('list-type') === '2' ? 'ListObjectsV2' : ''
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // No key has such a name, so none is found.
    return text
  }
}
