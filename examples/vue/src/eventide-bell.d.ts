import type { EventideBell, EventideBellEventMap } from "eventide-bell";
import type { HTMLAttributes, PublicProps } from "vue";

type Handlers = {
  [Type in keyof EventideBellEventMap as `on${Capitalize<Type>}`]?: (event: EventideBellEventMap[Type]) => void;
};

interface BellProps extends HTMLAttributes, Handlers {
  url?: string;
  getToken?: EventideBell["getToken"];
}

declare module "vue" {
  interface GlobalComponents {
    "eventide-bell": new () => EventideBell & { $props: BellProps & PublicProps };
  }
}
