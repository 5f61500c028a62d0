import { Link } from "react-router";

import type { Notification } from "./eventide";
import { useSession } from "./session";
import { useNotifications } from "./useNotifications";

const STATES = {
  connecting: "Connecting …",
  live: "Live",
  offline: "Offline, trying again",
  refused: "Not connected",
};
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function StockPage() {
  const { service, getToken } = useSession();
  const { items, unreadCount, state, problem, markRead, tryAgain } = useNotifications(service, getToken);
  return (
    <>
      <div className="row">
        <h1>Notifications</h1>
        {Boolean(unreadCount) && <strong data-testid="count">{unreadCount} unread</strong>}
        <span className="state push" role="status" data-state={state}>{STATES[state]}</span>
        {state === "refused" && <button type="button" onClick={tryAgain}>Try again</button>}
      </div>
      {problem && <p className="wrong" role="alert">{problem}</p>}

      <ol className="list" aria-label="Notifications" aria-live="polite" aria-relevant="additions">
        {items.map((item) => <Row key={item.id} item={item} markRead={markRead} />)}
        {items.length === 0 && <li className="empty">Nothing yet. What is sent to you appears here.</li>}
      </ol>
    </>
  );
}

function Row({ item, markRead }: { item: Notification; markRead: (id: string) => void }) {
  return (
    <li className={item.read ? "" : "unread"}>
      <div>
        {item.title && <p className="title">{item.title}</p>}
        <p className="message">{item.message}</p>
        <p className="kind">
          <time dateTime={item.createdAt}>{TIME.format(new Date(item.createdAt))}</time>
          {item.link && <> · <Follow link={item.link} onClick={() => markRead(item.id)} /></>}
        </p>
      </div>
      <button type="button" aria-disabled={item.read} onClick={() => markRead(item.id)}>
        {item.read ? "Read" : "Mark as read"}
      </button>
    </li>
  );
}

/** A link within this application is its router's. The server lets through no others than http(s) and relative ones. */
function Follow({ link, onClick }: { link: string; onClick: () => void }) {
  const { origin, href } = new URL(link, location.href);
  if (origin !== location.origin) return <a href={href} onClick={onClick}>Open</a>;
  return <Link to={href.slice(origin.length)} onClick={onClick}>Open</Link>;
}
