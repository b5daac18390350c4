/**
 * The listener: a bound address that turns accepted sockets into legs, and does nothing else per connection.
 *
 * Decides nothing. Must never do: wait for a client, look at bytes, or leave a handle half-open when binding fails.
 * Known limit: libuv itself accepts and closes clients when file descriptors run out, without an event; the cap and
 * the places of waiting rooms that are derived at start (`file-budget.ts`) keep it from coming to that.
 */
import { createServer, type Server } from 'node:net';
import { Observable, type Subscriber } from 'rxjs';
import { ProxyError } from '../errors.ts';
import type { Clock } from './clock.ts';
import { acceptHandles } from './direct-handles.ts';
import { addressText } from './address-text.ts';
import type { Ledger } from './ledger.ts';
import type { Address, Leg } from './leg.ts';
import type { Reports } from './reports.ts';
import { acceptSocket, keepAliveProbeMs, SocketLeg } from './socket.ts';

export interface ListenerOptions {
  /** An IP address; `::` takes both families, and becomes `0.0.0.0` where the system has no IPv6. */
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: number;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly report: Reports['trouble'];
}

export interface Listener {
  /** Hot, one subscriber; the leg is in the ledger already. */
  readonly accepted$: Observable<Leg>;
  /** @throws ProxyError SALLYPORT_LISTEN_FAILED naming the address and the cause. */
  open(): Promise<Address>;
  /** Stops accepting; resolves when the address is free again, whatever becomes of the connections. Idempotent. */
  close(): Promise<void>;
}

export function createListener(options: ListenerOptions): Listener {
  return new SocketListener(options);
}

/** Connections that the system keeps until they are accepted. Node's own 511 overflows in a burst; the system has a cap of its own. */
export const backlog = 4_096;

class SocketListener implements Listener {
  readonly accepted$: Observable<Leg>;
  readonly #options: ListenerOptions;
  readonly #server: Server;
  #subscriber: Subscriber<Leg> | null = null;
  #closing: Promise<void> | null = null;
  /** Ends an `open` that is under way; harmless afterwards. */
  #giveUp: ((error: Error) => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.accepted$ = new Observable((subscriber) => {
      this.#subscriber = subscriber;
    });
    const socketOptions = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveProbeMs,
    };
    this.#server = createServer(socketOptions, (socket) =>
      this.#accepted(new SocketLeg(socket, 'downstream', this.#options)),
    );
  }

  async open(): Promise<Address> {
    const { host, port } = this.#options;
    try {
      return await this.#listen(host, port);
    } catch (error) {
      if (host !== '::' || !isWithoutIPv6(error)) throw this.#failed(error);
    }
    try {
      return await this.#listen('0.0.0.0', port);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #accepted(leg: Leg): void {
    if (this.#subscriber === null || this.#closing !== null) leg.reset();
    else this.#subscriber.next(leg);
  }

  #listen(host: string, port: number): Promise<Address> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      const failed = (error: Error): void => {
        this.#server.off('listening', bound);
        reject(error);
      };
      const bound = (): void => {
        this.#server.off('error', failed);
        if (this.#closing !== null) {
          // Closed while its name was being resolved.
          this.#server.close();
          return;
        }
        this.#server.on('error', (error) => this.#report(error));
        acceptHandles(this.#server, (handle) => this.#accepted(acceptSocket(handle, this.#options)));
        const address = this.#server.address();
        resolve(
          address === null || typeof address === 'string'
            ? { host, port }
            : { host: address.address, port: address.port },
        );
      };
      this.#server.once('error', failed);
      this.#server.once('listening', bound);
      this.#server.listen({ host, port, exclusive: true, backlog });
    });
  }

  /** Node's own `close` waits for every connection; the handle, which is what holds the address, is gone one turn later. */
  #close(): Promise<void> {
    this.#giveUp?.(new Error('the listener was closed before it was bound'));
    this.#subscriber?.complete();
    if (!this.#server.listening) return Promise.resolve();
    this.#server.close();
    return new Promise((resolve) => setImmediate(resolve));
  }

  #report(error: Error): void {
    this.#options.report({
      event: 'listener.failed',
      connectionId: null,
      message: `${addressText(this.#options)}: ${error.message}`,
    });
  }

  #failed(cause: unknown): ProxyError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new ProxyError('SALLYPORT_LISTEN_FAILED', `cannot listen on ${addressText(this.#options)}: ${reason}`, {
      cause,
    });
  }
}

function isWithoutIPv6(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL');
}
