import type { EventideBellEventMap, TokenSource } from "eventide-bell";
import { useEffect, useState } from "react";

interface Props {
  url: string;
  /** Another function is asked at once, for it may be another user's: keep it the same while the user is the same. */
  getToken: TokenSource;
  onNotification?: (event: EventideBellEventMap["notification"]) => void;
  onUnread?: (event: EventideBellEventMap["unread"]) => void;
  onState?: (event: EventideBellEventMap["state"]) => void;
  onOpen?: (event: EventideBellEventMap["open"]) => void;
  onLoadError?: () => void;
}

export function EventideBell({ url, getToken, onNotification, onUnread, onState, onOpen, onLoadError }: Props) {
  // React sets properties only on an element that knows them: so the module is loaded first.
  const [loaded, setLoaded] = useState(false);
  useEffect(() => {
    import(/* @vite-ignore */ `${url}/client/eventide-bell.js`).then(() => setLoaded(true), onLoadError);
  }, [url]);

  if (!loaded) return null;
  return (
    <eventide-bell
      url={url}
      getToken={getToken}
      onnotification={onNotification}
      onunread={onUnread}
      onstate={onState}
      onopen={onOpen}
    />
  );
}
