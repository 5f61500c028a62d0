import type { DetailedHTMLProps, HTMLAttributes } from "react";

interface BellAttributes extends HTMLAttributes<HTMLElement> {
  url?: string;
  token?: string;
  getToken?: () => string | Promise<string>;
  onopen?: (event: CustomEvent<{ url: string }>) => void;
  onunread?: (event: CustomEvent<{ unreadCount: number | null }>) => void;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "eventide-bell": DetailedHTMLProps<BellAttributes, HTMLElement>;
    }
  }
}
