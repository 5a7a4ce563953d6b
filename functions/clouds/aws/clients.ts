import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SQSClient } from '@aws-sdk/client-sqs'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { ConfigurationError, quoted } from '../../core/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ClientOptions {
  /** Tries of one request. Each caller's signal ends them earlier. Default: AWS_MAX_ATTEMPTS, else 5. */
  readonly maxAttempts?: number
  /** Milliseconds. */
  readonly connectionTimeout?: number
  /** Milliseconds, request and answer together. FIREBREAK_REQUEST_TIMEOUT_MS goes before it. Default: 10,000. */
  readonly requestTimeout?: number
  /**
   * `standard` for the cut: after three throttles, six parallel calls took some 20 ms under it and 2.5 to 3.3 s under
   * `adaptive`, which therefore only collects.
   */
  readonly retryMode?: 'standard' | 'adaptive'
}

/**
 * A cut makes all its requests at once: 256 ACL entries of an incident's denials, 15 interfaces, snapshots and protection. With
 * the 50 connections of the default the rest would wait for a round trip.
 */
const CONNECTIONS = { keepAlive: true, maxSockets: 300 }

/** As the service-specific endpoint variables end (AWS SDKs and Tools Reference Guide, "Service-specific endpoints"). */
export type Service =
  | 'EC2'
  | 'DYNAMODB'
  | 'SQS'
  | 'S3'
  | 'CLOUDWATCH_LOGS'
  | 'IAM'
  | 'LAMBDA'
  | 'STS'
  | 'ROUTE53RESOLVER'
  | 'AUTO_SCALING'
  | 'ELASTIC_LOAD_BALANCING'
  | 'ELASTIC_LOAD_BALANCING_V2'

/**
 * The settings of a service's client, from an environment that is handed in. With an endpoint in it nothing else is
 * asked: neither a profile nor the account's own endpoint.
 */
export function connection(environment: Environment, service: Service, options: ClientOptions = {}) {
  const region = environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION']
  if (!region)
    throw new ConfigurationError('Cannot make an AWS client: neither AWS_REGION nor AWS_DEFAULT_REGION is set')
  const endpoint = endpointOf(environment, service)
  const accessKeyId = environment['AWS_ACCESS_KEY_ID']
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY']
  const sessionToken = environment['AWS_SESSION_TOKEN']
  return {
    region,
    maxAttempts: options.maxAttempts ?? maxAttemptsOf(environment),
    retryMode: options.retryMode ?? 'standard',
    requestHandler: new NodeHttpHandler({
      connectionTimeout: options.connectionTimeout ?? 2000,
      requestTimeout: requestTimeoutOf(environment, options),
      // Without this a late answer only logs a warning (NodeHttpHandlerOptions).
      throwOnRequestTimeout: true,
      httpAgent: CONNECTIONS,
      httpsAgent: CONNECTIONS,
    }),
    ...(endpoint === undefined ? {} : { endpoint, useFipsEndpoint: false, useDualstackEndpoint: false }),
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
  }
}

/** Where a service is asked instead of its own address, as the environment has it. */
export function endpointOf(environment: Environment, service: Service): string | undefined {
  if (environment['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return undefined
  const endpoint = environment[`AWS_ENDPOINT_URL_${service}`] ?? environment['AWS_ENDPOINT_URL']
  if (!endpoint) return undefined
  if (!URL.canParse(endpoint))
    throw new ConfigurationError(`Cannot make an AWS client: the endpoint of ${service} is ${quoted(endpoint)}`)
  return endpoint
}

function maxAttemptsOf(environment: Environment): number {
  return countIn(environment, 'AWS_MAX_ATTEMPTS') ?? 5
}

export function requestTimeoutOf(environment: Environment, { requestTimeout = 10_000 }: ClientOptions): number {
  return countIn(environment, 'FIREBREAK_REQUEST_TIMEOUT_MS') ?? requestTimeout
}

function countIn(environment: Environment, name: string): number | undefined {
  const text = environment[name]
  if (text === undefined) return undefined
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new ConfigurationError(`Cannot make an AWS client: ${name} is ${quoted(text)}`)
  return count
}

export interface Clients {
  documents(): DynamoDBDocumentClient
  sqs(): SQSClient
  /** Closes idle connections, so that a test's or a command's event loop can end. */
  destroy(): void
}

/**
 * What every function needs. EC2 stands in ec2.ts, so that a function that only watches does not load it: it is 852 KB
 * and 85 ms of a cold start.
 */
export function awsClients(environment: Environment, options: ClientOptions = {}): Clients {
  let dynamodb: DynamoDBClient | undefined
  let documents: DynamoDBDocumentClient | undefined
  let sqs: SQSClient | undefined
  return {
    documents() {
      if (documents) return documents
      const settings = connection(environment, 'DYNAMODB', options)
      // An account's own endpoint would win over ours otherwise (SDK setting account_id_endpoint_mode).
      dynamodb = new DynamoDBClient({
        ...settings,
        ...('endpoint' in settings ? { accountIdEndpointMode: 'disabled' } : {}),
      })
      documents = DynamoDBDocumentClient.from(dynamodb, {
        marshallOptions: { removeUndefinedValues: true, allowImpreciseNumbers: true },
        // Byte counts come from outside: one above 2^53 must round, not throw.
        unmarshallOptions: { wrapNumbers: Number },
      })
      return documents
    },
    sqs() {
      if (sqs) return sqs
      const settings = connection(environment, 'SQS', options)
      // The queue URL names the public host; with an endpoint set, that is where the queue is.
      sqs = new SQSClient({ ...settings, ...('endpoint' in settings ? { useQueueUrlAsEndpoint: false } : {}) })
      return sqs
    },
    destroy() {
      dynamodb?.destroy()
      sqs?.destroy()
    },
  }
}
