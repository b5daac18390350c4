/**
 * Whether the lists of every route of one listener are against an address, so that it is refused before it has said anything.
 *
 * Decides what no byte could change: only where each route that an address could come to has lists, and none of them lets it
 * pass. What is asked is made once, and again when lists change; where a route without lists is open to everybody, which is
 * nearly everywhere, nothing is asked at all.
 * Must never do: judge a trusted proxy that brings requests by its own address, or cost more the more different lists there
 * are. Read first: `route-access.ts`, `route-table.ts`.
 */
import type { RoutePlan } from './plan.ts';
import type { AddressTest, RouteAccess } from './route-access.ts';
import type { RouteMatcher } from './route-match.ts';

/** The only route of the listener, or null where there are several. */
export interface ShutOut {
  readonly route: RoutePlan | null;
}

/** Whom the lists are for, where that is not everybody. */
interface Listed {
  readonly takesClient: AddressTest;
  readonly admits: AddressTest | null;
}

/** So many different lists are asked about an address; where there are more, the lists of the route that is chosen decide. */
const listsMax = 100;

export class ShuttingOut {
  readonly #access: RouteAccess;
  readonly #matchers: readonly RouteMatcher[];
  readonly #servesHttp: boolean;
  readonly #answer: ShutOut;
  /** Null: nobody is shut out. */
  #listed: readonly Listed[] | null;
  #changes: number;

  /** @param servesHttp whether requests are served here, in clear text or inside of TLS. */
  constructor(matchers: readonly RouteMatcher[], access: RouteAccess, servesHttp: boolean) {
    this.#matchers = matchers.filter(({ route }) => route.enabled);
    this.#access = access;
    this.#servesHttp = servesHttp;
    this.#answer = { route: this.#matchers.length === 1 ? (this.#matchers[0]?.route ?? null) : null };
    this.#changes = access.changes;
    this.#listed = this.#compile();
  }

  /** Null: some route may let it pass, or none is for it. */
  of(ip: string): ShutOut | null {
    if (this.#changes !== this.#access.changes) {
      this.#changes = this.#access.changes;
      this.#listed = this.#compile();
    }
    if (this.#listed === null) return null;
    let isListed = false;
    for (const { takesClient, admits } of this.#listed) {
      if (!takesClient(ip)) continue;
      if (admits === null || admits(ip)) return null;
      isListed = true;
    }
    return isListed && !(this.#servesHttp && this.#access.isTrusted(ip)) ? this.#answer : null;
  }

  #compile(): readonly Listed[] | null {
    const forAll = new Set<AddressTest>();
    const listed: Listed[] = [];
    for (const matcher of this.#matchers) {
      const { route } = matcher;
      const admits = this.#access.testOf(route);
      if (route.match.clientIp !== null) listed.push({ takesClient: (ip) => matcher.takesClient(ip), admits });
      else if (admits === null) return null;
      else forAll.add(admits);
      if (listed.length + forAll.size > listsMax) return null;
    }
    return [...Array.from(forAll, (admits) => ({ takesClient: everybody, admits })), ...listed];
  }
}

const everybody: AddressTest = () => true;
