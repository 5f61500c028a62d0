import type { EventideBell, EventideBellEventMap } from "eventide-bell";
import type { DetailedHTMLProps, HTMLAttributes } from "react";

type Handlers = {
  [Type in keyof EventideBellEventMap as `on${Type}`]?: (event: EventideBellEventMap[Type]) => void;
};

interface BellProps extends HTMLAttributes<EventideBell>, Handlers {
  url?: string;
  token?: string;
  getToken?: EventideBell["getToken"];
  "view-all"?: string;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "eventide-bell": DetailedHTMLProps<BellProps, EventideBell>;
    }
  }
}
