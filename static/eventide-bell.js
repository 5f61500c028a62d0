/**
 * <eventide-bell>: a bell with a badge, a list and toasts, for any page; and `Inbox`, the model that it shows.
 *
 *   <script type="module" src="https://notify.example.com/client/eventide-bell.js"></script>
 *   <eventide-bell token="…"></eventide-bell>
 *
 * How what happens gets from the server onto the screen, and back:
 *
 *   server ──Socket.IO──▶ Connection ─┐            only in the tab that leads
 *                                     ▼
 *   other tabs ◀─BroadcastChannel─ SharedConnection   a Web Lock decides who leads; the others hear what it hears
 *                                     │ events, state
 *   server ◀──────REST─────────────▶ Link          the user's token; begins anew when the page comes back
 *                                     │
 *                                     ▼
 *                                   Inbox          which notifications there are (Items); in every tab one
 *                                     │ change, notification, unread, state
 *                                     ▼
 *                               EventideBell       rows, badge, toasts; its clicks are the Inbox's methods
 *
 * - Counts are the server's, from its events and answers. Nothing here adds or subtracts.
 * - A notification is shown once, however often and by whichever transport it comes: its id decides.
 * - Subscribe first, read the list second: whatever comes in between comes twice rather than never.
 * - Whatever a notification says is text: nothing of it is ever parsed as HTML.
 * - No token leaves the tab but to the service: neither through the channel nor in the name of a lock.
 *
 * All exports, attributes, properties, events, CSS custom properties and parts are described in eventide-bell.d.ts.
 */

export { mustAcknowledge } from "./bell/acknowledging.js";
export { EventideBell } from "./bell/element.js";
export { glyph } from "./bell/icons.js";
export { Inbox } from "./bell/inbox.js";
export { languages } from "./bell/languages.js";
export { Problem } from "./bell/rest.js";
export { ago, readable, safeUrl } from "./bell/text.js";
export { WindowedList } from "./bell/windowed-list.js";
