/**
 * The few things that only a socket's own handle knows. Every look behind Node's public face is here, and each one falls
 * back to "not known" where the handle is gone or of another kind.
 *
 * Decides nothing. Must never do: change anything.
 */
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { TLSSocket } from 'node:tls';

/**
 * True exactly when the kernel no longer knows the peer. In an `end` handler, before our own FIN, that means RST: before
 * Node 26 a reset that arrives together with data is reported as a clean end. After our own FIN it means nothing.
 */
export function isPeerGone(socket: Socket): boolean {
  if (!mayDisguiseResets) return false;
  const handle = handleOf(socket);
  return handle !== null && isTcpHandle(handle) && handle.getpeername({}) === -constants.errno.ENOTCONN;
}

/** Bytes the kernel has taken; null when the handle is gone. */
export function bytesTaken(socket: Socket): number | null {
  const handle = handleOf(socket);
  if (handle === null || !('bytesWritten' in handle) || !('writeQueueSize' in handle)) return null;
  const { bytesWritten, writeQueueSize } = handle;
  return typeof bytesWritten === 'number' && typeof writeQueueSize === 'number' ? bytesWritten - writeQueueSize : null;
}

/** Bytes that wait in this process until the kernel takes them; null when that is not known. */
export function bytesQueued(socket: Socket): number | null {
  const handle = handleOf(socket);
  if (handle === null || !('writeQueueSize' in handle)) return null;
  return typeof handle.writeQueueSize === 'number' ? handle.writeQueueSize : null;
}

/**
 * What is wrong with the chain of the other end's certificate, as a code; null exactly when it was verified. Only the
 * handle of TLS knows it in the server's role without a tls.Server, so a handle that does not say is a distrusted one.
 */
export function verificationCode(socket: TLSSocket): string | null {
  const handle = handleOf(socket);
  if (handle === null || !isTlsHandle(handle)) return 'SALLYPORT_TLS_UNVERIFIED';
  const error = handle.verifyError();
  if (error === null || error === undefined) return null;
  const code: unknown = typeof error === 'object' && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : 'SALLYPORT_TLS_UNVERIFIED';
}

/** True exactly when RST can be sent: a TCP handle, not a pipe. */
export function canReset(socket: Socket): boolean {
  const handle = handleOf(socket);
  return handle !== null && 'reset' in handle;
}

export function hasHandle(socket: Socket): boolean {
  return handleOf(socket) !== null;
}

const mayDisguiseResets = Number.parseInt(process.versions.node, 10) < 26;

interface TcpHandle {
  /** 0, or a negative error number. */
  getpeername(into: object): unknown;
}

function isTcpHandle(handle: object): handle is TcpHandle {
  return 'getpeername' in handle && typeof handle.getpeername === 'function';
}

interface TlsHandle {
  /** An error with a code, or nothing. */
  verifyError(): unknown;
}

function isTlsHandle(handle: object): handle is TlsHandle {
  return 'verifyError' in handle && typeof handle.verifyError === 'function';
}

function handleOf(socket: Socket): object | null {
  if (!('_handle' in socket)) return null;
  const { _handle: handle } = socket;
  return typeof handle === 'object' ? handle : null;
}
