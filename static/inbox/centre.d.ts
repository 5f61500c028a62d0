/** Types of centre.js: the notification centre in a page of your own. */

import type { Inbox, InboxOptions, OpenDetail } from "../eventide-bell.js";

export interface CentreOptions extends InboxOptions {
  /** The application's address, against which relative links and avatars are resolved. Default: the page's own. */
  appUrl?: string;
  /** Replaces texts; those that are not given stay. All are in strings.js. */
  strings?: Record<string, unknown>;
}

export interface Centre {
  readonly inbox: Inbox;
  /** Give the keyboard to the list, so that its shortcuts work. */
  focus(): void;
  /** Disconnect, and leave the element empty. What waits to be deleted is deleted. */
  close(): void;
}

/**
 * Show the user's notifications in `root`.
 *
 * Before a link is followed in this tab, `root` gets the event `open`, a `CustomEvent<OpenDetail>`, which bubbles;
 * `preventDefault()` keeps the browser from it.
 */
export function showInbox(root: HTMLElement, options: CentreOptions): Centre;

export type { OpenDetail };
