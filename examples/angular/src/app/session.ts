import { Injectable, inject, signal } from "@angular/core";

import { SERVICE } from "./config";

interface DemoUser {
  id: string;
  name: string;
  token: string;
}

/**
 * Who is signed in. In the demo that is whoever you pick. Your application has a login of its own, which takes the
 * place of this file; the others need nothing of it but `user` and `token`.
 */
@Injectable({ providedIn: "root" })
export class Session {
  readonly user = signal<string | undefined>(undefined);
  readonly users = signal<DemoUser[]>([]);
  readonly problem = signal("");

  readonly #demo = `${inject(SERVICE)}/client/demo.json`;

  constructor() {
    this.#fetchUsers().then(
      (users) => {
        this.users.set(users);
        this.user.set(sessionStorage.getItem("user") ?? users[0].id);
      },
      () => this.problem.set(`There is no demo at ${this.#demo}, or it does not let ${location.origin} in.`),
    );
  }

  signIn(user: string): void {
    sessionStorage.setItem("user", user);
    this.user.set(user);
  }

  /** A token that is valid now. Ask for it on each connect: the one before may have expired meanwhile. */
  readonly token = async (): Promise<string> => {
    const users = await this.#fetchUsers();
    return users.find(({ id }) => id === this.user())?.token ?? "";
  };

  async #fetchUsers(): Promise<DemoUser[]> {
    return (await (await fetch(this.#demo)).json()).users;
  }
}
