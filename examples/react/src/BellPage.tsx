import type { OpenDetail } from "eventide-bell";
import { useState } from "react";
import { useNavigate } from "react-router";

import { EventideBell } from "./EventideBell";
import { useSession } from "./session";

export function BellPage() {
  const { service, getToken } = useSession();
  const [unreadCount, setUnreadCount] = useState<number | null>(null);
  const [failed, setFailed] = useState(false);
  const navigate = useNavigate();

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
          <EventideBell
            url={service}
            getToken={getToken}
            onopen={follow}
            onunread={(event) => setUnreadCount(event.detail.unreadCount)}
            onLoadError={() => setFailed(true)}
          />
        </div>
      </div>
      {failed && <p className="wrong" role="alert">The bell could not be loaded from {service}.</p>}
      {Boolean(unreadCount) && (
        <p>The page knows it, too: <strong data-testid="count">{unreadCount} unread</strong>.</p>
      )}
      <p className="soft">
        The element comes from the service itself. Links that stay within this application are opened by its router.
      </p>
    </div>
  );
}
