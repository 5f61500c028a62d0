import { DatePipe } from "@angular/common";
import { Component, inject } from "@angular/core";

import { Notifications } from "./notifications";

const STATES = {
  connecting: "Connecting …",
  live: "Live",
  offline: "Offline, trying again",
  refused: "Not connected",
};

@Component({
  selector: "app-stock-page",
  imports: [DatePipe],
  providers: [Notifications], // connected while this page is shown; provide it in "root" to be so all the time
  template: `
    <div class="row">
      <h1>Notifications</h1>
      @if (notifications.unreadCount(); as count) {
        <strong data-testid="count">{{ count }} unread</strong>
      }
      <span class="state push" role="status" [attr.data-state]="notifications.state()">
        {{ states[notifications.state()] }}
      </span>
      @if (notifications.state() === "refused") {
        <button type="button" (click)="notifications.tryAgain()">Try again</button>
      }
    </div>
    @if (notifications.problem(); as problem) {
      <p class="wrong" role="alert">{{ problem }}</p>
    }

    <ol class="list" aria-label="Notifications" aria-live="polite" aria-relevant="additions">
      @for (item of notifications.items(); track item.id) {
        <li [class.unread]="!item.read">
          <div>
            <p class="message">{{ item.message }}</p>
            <p class="kind"><time [dateTime]="item.timestamp">{{ item.timestamp | date: "medium" }}</time></p>
          </div>
          <button type="button" [attr.aria-disabled]="item.read" (click)="notifications.markRead(item.id)">
            {{ item.read ? "Read" : "Mark as read" }}
          </button>
        </li>
      } @empty {
        <li class="empty">Nothing yet. What is sent to you appears here.</li>
      }
    </ol>

    <section class="panel" aria-labelledby="greetings">
      <h2 id="greetings">Talk to the server</h2>
      <p class="soft">The demo answers <code>messageToServer</code> with <code>messageToClient</code>, to everybody.</p>
      <form class="row" (submit)="greet($event, text)">
        <input #text name="text" aria-label="Message" autocomplete="off" required />
        <button class="main">Send</button>
      </form>
      <div role="log" aria-label="Messages from the server">
        @for (greeting of notifications.greetings(); track $index) {
          <p>{{ greeting }}</p>
        }
      </div>
    </section>
  `,
})
export class StockPage {
  protected readonly notifications = inject(Notifications);
  protected readonly states = STATES;

  protected greet(event: Event, field: HTMLInputElement): void {
    event.preventDefault();
    this.notifications.greet(field.value);
    field.value = "";
  }
}
