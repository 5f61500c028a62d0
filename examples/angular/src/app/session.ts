import { Injectable, computed, inject, signal } from "@angular/core";

import { SERVICE } from "./config";

interface DemoUser {
  id: string;
  name: string;
  token: string;
}

/**
 * Who is signed in. In the demo that is whoever you pick. Your application has a login of its own, which takes the
 * place of this file; the others need nothing of it but `current`.
 */
@Injectable({ providedIn: "root" })
export class Session {
  readonly users = signal<DemoUser[]>([]);
  readonly problem = signal("");

  /** The user, and where to get a token that is valid now: the one before may have expired meanwhile. */
  readonly current = computed(() => {
    const user = this.#picked() ?? this.users()[0]?.id;
    return user === undefined ? undefined : { user, getToken: () => this.#fetchToken(user) };
  });

  readonly #picked = signal(sessionStorage.getItem("user"));
  readonly #demo = `${inject(SERVICE)}/client/demo.json`;

  constructor() {
    this.#fetchUsers().then(
      (users) => this.users.set(users),
      () => this.problem.set(`There is no demo at ${this.#demo}, or it does not let ${location.origin} in.`),
    );
  }

  signIn(user: string): void {
    sessionStorage.setItem("user", user);
    this.#picked.set(user);
  }

  async #fetchToken(user: string): Promise<string> {
    const users = await this.#fetchUsers();
    return users.find(({ id }) => id === user)?.token ?? "";
  }

  async #fetchUsers(): Promise<DemoUser[]> {
    return (await (await fetch(this.#demo)).json()).users;
  }
}
