import type { EventideBell, EventideBellEventMap } from "eventide-bell";
import type { DetailedHTMLProps, HTMLAttributes } from "react";

interface BellProps extends HTMLAttributes<EventideBell> {
  url?: string;
  token?: string;
  getToken?: EventideBell["getToken"];
  "view-all"?: string;
  onnotification?: (event: EventideBellEventMap["notification"]) => void;
  onunread?: (event: EventideBellEventMap["unread"]) => void;
  onstate?: (event: EventideBellEventMap["state"]) => void;
  onopen?: (event: EventideBellEventMap["open"]) => void;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "eventide-bell": DetailedHTMLProps<BellProps, EventideBell>;
    }
  }
}
