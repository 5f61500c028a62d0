import { CUSTOM_ELEMENTS_SCHEMA, Component, inject, signal } from "@angular/core";
import { Router } from "@angular/router";
import type { OpenDetail, UnreadDetail } from "eventide-bell";

import { SERVICE } from "./config";
import { Session } from "./session";

@Component({
  selector: "app-bell-page",
  schemas: [CUSTOM_ELEMENTS_SCHEMA], // lets <eventide-bell> into the template
  template: `
    <div class="panel">
      <div class="row">
        <h1>The bell</h1>
        <div class="push">
          @if (session.current(); as current) {
            <eventide-bell
              [attr.url]="service"
              [getToken]="current.getToken"
              (open)="follow($event)"
              (unread)="count($event)"
            />
          }
        </div>
      </div>
      @if (problem(); as problem) {
        <p class="wrong" role="alert">{{ problem }}</p>
      }
      @if (unreadCount(); as count) {
        <p>The page knows it, too: <strong data-testid="count">{{ count }} unread</strong>.</p>
      }
      <p class="soft">
        The element comes from the service itself. Links that stay within this application are opened by its router.
      </p>
    </div>
  `,
})
export class BellPage {
  protected readonly service = inject(SERVICE);
  protected readonly session = inject(Session);
  protected readonly unreadCount = signal<number | null>(null);
  protected readonly problem = signal("");

  readonly #router = inject(Router);

  constructor() {
    import(`${this.service}/client/eventide-bell.js`).catch(() =>
      this.problem.set(`The bell could not be loaded from ${this.service}.`),
    );
  }

  protected count(event: Event): void {
    const { detail } = event as CustomEvent<UnreadDetail>;
    this.unreadCount.set(detail.unreadCount);
  }

  protected follow(event: Event): void {
    const { detail } = event as CustomEvent<OpenDetail>;
    const { origin, href } = new URL(detail.url);
    if (origin !== location.origin) return; // somewhere else: the bell goes there
    event.preventDefault();
    this.#router.navigateByUrl(href.slice(origin.length));
  }
}
