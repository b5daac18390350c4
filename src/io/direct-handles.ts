/**
 * ★ The native rung: what is done to libuv's handles past Node's streams, where this Node lets itself be asked.
 *
 * Decides: whether it may be done at all, once, when the process starts; where it may not, everything goes by `net.Socket`
 * alone, and nobody notices but by speed. Writes that the kernel takes whole need no request, no callback and no copy; an
 * accepted connection is read into memory of ours.
 * Must never do: own a handle. The socket over it stays what ends, resets and closes.
 * Read first: `socket.ts`, `docs/adr/0007-native-legs.md`.
 */
import type { Server } from 'node:net';
import { getSystemErrorName } from 'node:util';

/** A handle of a connection that takes bytes. */
export interface ByteHandle {
  /** 0, or a negative error number. */
  writeBuffer(request: object, chunk: Uint8Array): unknown;
}

/** Whoever wrote bytes that the kernel did not take at once. */
export interface Waiter {
  /** Those of one write are gone; `error` where they are lost. */
  written(bytes: number, error: Error | null): void;
}

interface Door {
  /** Makes what a write that waits is known by. */
  readonly request: new () => object;
  /** What the last call left: among it, whether the last write waits. */
  readonly state: Int32Array;
  readonly isWaitingAt: number;
}

const door = openDoor();

/** What carries accepted connections in this process. */
export const legRung: 'native' | 'public' = door === null ? 'public' : 'native';

/** Null where bytes have to go by the stream. */
export function byteHandleOf(socket: object): ByteHandle | null {
  if (door === null || !('_handle' in socket)) return null;
  const { _handle: handle } = socket;
  return typeof handle === 'object' && handle !== null && isByteHandle(handle) ? handle : null;
}

/** A request that no write has waited with is as good as new: nothing was noted in it. */
let unused: object | null = null;

/**
 * Writes, as far as the kernel takes it now; the rest waits in libuv, in order.
 * @returns 0 when all was taken; 1 when some waits, and `waiter` is told, and the memory is libuv's until then; else an error
 * number below 0.
 */
export function writeDirectly(handle: ByteHandle, chunk: Uint8Array, waiter: Waiter): number {
  if (door === null) return 0;
  const request = unused ?? new door.request();
  unused = request;
  const answer = handle.writeBuffer(request, chunk);
  if (typeof answer !== 'number' || answer !== 0) return typeof answer === 'number' ? answer : closedNumber;
  if (door.state[door.isWaitingAt] === 0) return 0;
  unused = null;
  Object.assign(request, { oncomplete: completed, chunk, waiter });
  return 1;
}

/** The error that a stream would have told. */
export function writeError(errorNumber: number): Error {
  const code = getSystemErrorName(errorNumber);
  return Object.assign(new Error(`write ${code}`), { code, errno: errorNumber, syscall: 'write' });
}

/**
 * From now on a listening server hands out handles instead of sockets.
 * @returns false where it goes on as it was.
 */
export function acceptHandles(server: Server, accepted: (handle: object) => void): boolean {
  if (door === null || !('_handle' in server)) return false;
  const { _handle: handle } = server;
  if (typeof handle !== 'object' || handle === null || !('onconnection' in handle)) return false;
  const { onconnection: byServer } = handle;
  if (typeof byServer !== 'function') return false;
  handle.onconnection = (error: unknown, client: unknown): void => {
    if (!isNothing(error) || typeof client !== 'object' || client === null || !isByteHandle(client))
      Reflect.apply(byServer, handle, [error, client]);
    else accepted(client);
  };
  return true;
}

/** Of a handle that is closed: it says nothing at all. */
const closedNumber = -9;

function completed(this: { readonly chunk: Uint8Array; readonly waiter: Waiter }, status: number): void {
  this.waiter.written(this.chunk.length, status < 0 ? writeError(status) : null);
}

function isNothing(error: unknown): boolean {
  return error === undefined || error === null || error === 0;
}

function isByteHandle(handle: object): handle is ByteHandle {
  return 'writeBuffer' in handle && typeof handle.writeBuffer === 'function';
}

/** `process.binding` is old and not documented any more; it is the one way to what Node's own streams use. */
function openDoor(): Door | null {
  try {
    const open: unknown = Reflect.get(process, 'binding');
    if (typeof open !== 'function') return null;
    const binding: unknown = Reflect.apply(open, process, ['stream_wrap']);
    return isBinding(binding)
      ? { request: binding.WriteWrap, state: binding.streamBaseState, isWaitingAt: binding.kLastWriteWasAsync }
      : null;
  } catch {
    return null;
  }
}

interface Binding {
  readonly WriteWrap: new () => object;
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
}

function isBinding(binding: unknown): binding is Binding {
  return (
    typeof binding === 'object' &&
    binding !== null &&
    'WriteWrap' in binding &&
    typeof binding.WriteWrap === 'function' &&
    'streamBaseState' in binding &&
    binding.streamBaseState instanceof Int32Array &&
    'kLastWriteWasAsync' in binding &&
    typeof binding.kLastWriteWasAsync === 'number'
  );
}
