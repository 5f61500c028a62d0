import { Component, inject, input } from "@angular/core";
import { toSignal } from "@angular/core/rxjs-interop";
import { ActivatedRoute, RouterLink } from "@angular/router";

/** Where links of notifications lead: `/posts/1#comment-9`. */
@Component({
  selector: "app-post-page",
  imports: [RouterLink],
  template: `
    <div class="panel">
      <h1>Post {{ id() }}</h1>
      @if (comment(); as comment) {
        <p>The notification led to <strong>{{ comment }}</strong>, and the page was not loaded anew.</p>
      }
      <p><a routerLink="/bell">Back to the bell</a></p>
    </div>
  `,
})
export class PostPage {
  readonly id = input.required<string>();
  protected readonly comment = toSignal(inject(ActivatedRoute).fragment);
}
