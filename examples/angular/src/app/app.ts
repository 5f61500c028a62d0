import { Component, inject } from "@angular/core";
import { RouterLink, RouterLinkActive, RouterOutlet } from "@angular/router";

import { Session } from "./session";

@Component({
  selector: "app-root",
  imports: [RouterLink, RouterLinkActive, RouterOutlet],
  template: `
    <header class="top">
      <div class="wide row">
        <strong>Angular</strong>
        <nav aria-label="Pages">
          <a routerLink="/" routerLinkActive ariaCurrentWhenActive="page" [routerLinkActiveOptions]="{ exact: true }">
            Stock client
          </a>
          <a routerLink="/bell" routerLinkActive ariaCurrentWhenActive="page">Bell</a>
        </nav>
        <label class="push">
          Signed in as
          <select #picker (change)="session.signIn(picker.value)">
            @for (user of session.users(); track user.id) {
              <option [value]="user.id" [selected]="user.id === session.current()?.user">{{ user.name }}</option>
            }
          </select>
        </label>
      </div>
    </header>
    <main class="wide">
      @if (session.problem(); as problem) {
        <p class="panel wrong" role="alert">{{ problem }}</p>
      }
      <router-outlet />
    </main>
  `,
})
export class App {
  protected readonly session = inject(Session);
}
