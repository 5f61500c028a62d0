import type { EventideBell, OpenDetail, UnreadDetail } from "eventide-bell";
import type { DetailedHTMLProps, HTMLAttributes } from "react";

interface BellProps extends HTMLAttributes<EventideBell> {
  url?: string;
  token?: string;
  getToken?: EventideBell["getToken"];
  onopen?: (event: CustomEvent<OpenDetail>) => void;
  onunread?: (event: CustomEvent<UnreadDetail>) => void;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "eventide-bell": DetailedHTMLProps<BellProps, EventideBell>;
    }
  }
}
