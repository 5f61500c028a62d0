import type { OpenDetail } from "eventide-bell";
import { useEffect, useState } from "react";
import { useNavigate } from "react-router";

import { useSession } from "./session";

export function BellPage() {
  const { service, getToken } = useSession();
  const [unreadCount, setUnreadCount] = useState<number | null>(null);
  const navigate = useNavigate();

  // React sets properties only on an element that knows them: so the element comes first.
  const [known, setKnown] = useState<boolean>();
  useEffect(() => {
    import(/* @vite-ignore */ `${service}/client/eventide-bell.js`).then(() => setKnown(true), () => setKnown(false));
  }, [service]);

  function follow(event: CustomEvent<OpenDetail>) {
    const { origin, href } = new URL(event.detail.url);
    if (origin !== location.origin) return; // somewhere else: the bell goes there
    event.preventDefault();
    navigate(href.slice(origin.length));
  }

  return (
    <div className="panel">
      <div className="row">
        <h1>The bell</h1>
        <div className="push">
          {known && (
            <eventide-bell
              url={service}
              getToken={getToken}
              onopen={follow}
              onunread={(event) => setUnreadCount(event.detail.unreadCount)}
            />
          )}
        </div>
      </div>
      {known === false && <p className="wrong" role="alert">The bell could not be loaded from {service}.</p>}
      {Boolean(unreadCount) && (
        <p>The page knows it, too: <strong data-testid="count">{unreadCount} unread</strong>.</p>
      )}
      <p className="soft">
        The element comes from the service itself. Links that stay within this application are opened by its router.
      </p>
    </div>
  );
}
