/**
 * The one error class and the one registry of its codes.
 *
 * Operating errors (peer, network, system) are facts that end as a close reason and are never thrown across a layer.
 * What is thrown is here: a mistake of the embedder or of the operator, or a bug.
 */

export type ErrorSide = 'downstream' | 'upstream' | 'internal';
export type ErrorBlame = 'peer' | 'environment' | 'embedder' | 'bug';

interface CodeEntry {
  readonly side: ErrorSide;
  readonly retryable: boolean;
  readonly blame: ErrorBlame;
  readonly meaning: string;
}

export const errorCodes = {
  SALLYPORT_CONFIG_INVALID: {
    side: 'internal',
    retryable: false,
    blame: 'embedder',
    meaning: 'the configuration has errors; all of them are in `problems`',
  },
  SALLYPORT_CONFIG_UNREADABLE: {
    side: 'internal',
    retryable: false,
    blame: 'environment',
    meaning: 'the configuration file cannot be read',
  },
  SALLYPORT_LISTEN_FAILED: {
    side: 'downstream',
    retryable: true,
    blame: 'environment',
    meaning: 'a listener could not bind; nothing was left half-started',
  },
  SALLYPORT_START_TIMEOUT: {
    side: 'internal',
    retryable: true,
    blame: 'environment',
    meaning: 'the listeners were not bound within the startup deadline',
  },
  SALLYPORT_LIFECYCLE: {
    side: 'internal',
    retryable: false,
    blame: 'embedder',
    meaning: 'the proxy is not in a state that allows this call',
  },
  SALLYPORT_CHART_UNSUPPORTED: {
    side: 'internal',
    retryable: false,
    blame: 'bug',
    meaning: 'a chart uses a feature the compiler does not implement',
  },
  SALLYPORT_CHART_INVALID: {
    side: 'internal',
    retryable: false,
    blame: 'bug',
    meaning: 'a chart names a delay, target, guard, action or key that does not exist',
  },
  SALLYPORT_UNKNOWN_CONNECTION: {
    side: 'internal',
    retryable: false,
    blame: 'embedder',
    meaning: 'no live connection has this id',
  },
  SALLYPORT_STORE_ARGUMENT: {
    side: 'internal',
    retryable: false,
    blame: 'embedder',
    meaning: 'what a store was asked for is no key, or no time that a lock may last',
  },
  SALLYPORT_STORE_CLOSED: {
    side: 'internal',
    retryable: false,
    blame: 'embedder',
    meaning: 'the store was closed before this call',
  },
  SALLYPORT_STORE_CORRUPT: {
    side: 'internal',
    retryable: false,
    blame: 'environment',
    meaning: 'what the store holds there was not written by it, or not whole',
  },
  SALLYPORT_STORE_DENIED: {
    side: 'internal',
    retryable: false,
    blame: 'environment',
    meaning: 'this process may not read or write where the store is',
  },
  SALLYPORT_STORE_FAILED: {
    side: 'internal',
    retryable: true,
    blame: 'environment',
    meaning: 'the system failed where the store is; the message has its code',
  },
  SALLYPORT_STORE_FENCED: {
    side: 'internal',
    retryable: false,
    blame: 'environment',
    meaning: 'the lock that this write was made under has another holder by now',
  },
  SALLYPORT_STORE_FULL: {
    side: 'internal',
    retryable: true,
    blame: 'environment',
    meaning: 'there is no space left where the store is; nothing was changed',
  },
  SALLYPORT_STORE_IN_THE_WAY: {
    side: 'internal',
    retryable: false,
    blame: 'environment',
    meaning: 'a file is where the store has a folder, or a folder where it has a file',
  },
  SALLYPORT_CERTIFICATE_UNREADABLE: {
    side: 'internal',
    retryable: false,
    blame: 'environment',
    meaning: 'the file of a certificate, key or authority cannot be read',
  },
  SALLYPORT_CERTIFICATE_INVALID: {
    side: 'internal',
    retryable: false,
    blame: 'embedder',
    meaning: 'what should be a certificate or its chain is not, or nobody could verify it',
  },
  SALLYPORT_CERTIFICATE_KEY: {
    side: 'internal',
    retryable: false,
    blame: 'embedder',
    meaning: 'what should be the key is not, is locked by a passphrase, or belongs to another certificate',
  },
  SALLYPORT_CERTIFICATE_PROVIDER: {
    side: 'internal',
    retryable: true,
    blame: 'embedder',
    meaning: 'whoever gives certificates by name failed, or did not answer in time',
  },
  SALLYPORT_CERTIFICATES: {
    side: 'internal',
    retryable: false,
    blame: 'embedder',
    meaning: 'certificates of the configuration cannot be used; all of them are in `problems`',
  },
  SALLYPORT_INVARIANT: {
    side: 'internal',
    retryable: false,
    blame: 'bug',
    meaning: 'something happened that must be impossible; please report it',
  },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof errorCodes;

/** Everything Sallyport throws. Match on `code`, which is stable, never on the message. */
export class ProxyError extends Error {
  readonly code: ErrorCode;
  readonly side: ErrorSide;
  readonly retryable: boolean;
  readonly blame: ErrorBlame;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ProxyError';
    this.code = code;
    this.side = errorCodes[code].side;
    this.retryable = errorCodes[code].retryable;
    this.blame = errorCodes[code].blame;
  }
}
