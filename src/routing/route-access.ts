/**
 * The lists of all routes as they are now, for every listener at once, and who is on a route that minds their changing.
 *
 * Decides who may pass, and who of those that are on a route may not any more. A change is one step: nobody is judged by
 * the new allow list and the old block list. Must never do: forget a guest that has not left, or tell one that has.
 * Read first: `access.ts`, `plan.ts` (AccessPlan, BanManner).
 */
import { compileAccess, compileTrust } from './access.ts';
import type { AccessPlan, BanManner, RoutePlan } from './plan.ts';

/** Somebody who was let onto a route. */
export interface Guest {
  /** The address that was let in. */
  readonly ip: string;
  /** It may not pass any more. */
  banned(manner: Exclude<BanManner, 'keep'>, cause: string): void;
}

export type AddressTest = (ip: string) => boolean;

export class RouteAccess {
  readonly #tests = new Map<RoutePlan, AddressTest>();
  readonly #changed = new Map<RoutePlan, AccessPlan>();
  readonly #guests = new Map<RoutePlan, Set<Guest>>();
  readonly #isTrusted: (ip: string) => boolean;
  #changes = 0;

  /** @param trustedProxies who may speak for its clients in HTTP. */
  constructor(routes: readonly RoutePlan[], trustedProxies: readonly string[] = []) {
    this.#isTrusted = compileTrust(trustedProxies);
    const compiled = new Map<string, AddressTest>();
    for (const route of routes) {
      if (route.access === null) continue;
      const text = JSON.stringify([route.access.allow, route.access.block]);
      const admits = compiled.get(text) ?? compileAccess(route.access);
      compiled.set(text, admits);
      this.#tests.set(route, admits);
    }
  }

  /** Grows with each change, so that what was made of the lists can be kept until then. */
  get changes(): number {
    return this.#changes;
  }

  /** True: its address says nothing of whose requests it brings. */
  isTrusted(ip: string): boolean {
    return this.#isTrusted(ip);
  }

  /** The lists as they are now, one and the same for routes whose lists are the same; null: everybody is let in. */
  testOf(route: RoutePlan): AddressTest | null {
    return this.#tests.get(route) ?? null;
  }

  /** How many would hear of a change. */
  get guests(): number {
    let count = 0;
    for (const guests of this.#guests.values()) count += guests.size;
    return count;
  }

  /** False: everybody is let in, as long as nothing is changed. */
  restricts(route: RoutePlan): boolean {
    return this.#tests.has(route);
  }

  admits(route: RoutePlan, ip: string): boolean {
    return this.#tests.get(route)?.(ip) ?? true;
  }

  /** The lists in force; null = everybody passes. */
  listsOf(route: RoutePlan): AccessPlan | null {
    return this.#changed.get(route) ?? route.access;
  }

  /** From now on it hears of it when it may not pass any more. */
  enter(route: RoutePlan, guest: Guest): void {
    if (route.onBan === 'keep') return;
    const guests = this.#guests.get(route) ?? new Set();
    this.#guests.set(route, guests.add(guest));
  }

  /** Idempotent. */
  leave(route: RoutePlan, guest: Guest): void {
    this.#guests.get(route)?.delete(guest);
  }

  /** @param lists that `parseAddressPattern` has nothing against. */
  restrict(routes: readonly RoutePlan[], lists: AccessPlan): void {
    const admits = compileAccess(lists);
    this.#changes += 1;
    for (const route of routes) {
      this.#changed.set(route, lists);
      this.#tests.set(route, admits);
    }
    for (const route of routes) this.#ban(route);
  }

  #ban(route: RoutePlan): void {
    const { onBan, name } = route;
    if (onBan === 'keep') return;
    const guests = this.#guests.get(route) ?? new Set();
    // What becomes of one may be the end of another, which is then no longer among them.
    for (const guest of guests) {
      if (!this.admits(route, guest.ip))
        guest.banned(onBan, `the lists of ${name} do not let this address pass any more`);
    }
  }
}
