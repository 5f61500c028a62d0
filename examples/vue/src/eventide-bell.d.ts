import type { EventideBell, EventideBellEventMap } from "eventide-bell";
import type { HTMLAttributes, PublicProps } from "vue";

interface BellProps extends HTMLAttributes {
  url?: string;
  getToken?: EventideBell["getToken"];
  onNotification?: (event: EventideBellEventMap["notification"]) => void;
  onUnread?: (event: EventideBellEventMap["unread"]) => void;
  onState?: (event: EventideBellEventMap["state"]) => void;
  onOpen?: (event: EventideBellEventMap["open"]) => void;
}

declare module "vue" {
  interface GlobalComponents {
    "eventide-bell": new () => EventideBell & { $props: BellProps & PublicProps };
  }
}
