/** What the operators' page asks the service for, as it is answered. */

/** How much an instance does; seconds, and numbers a second. */
export interface InstanceFigures {
  createdPerSecond: number;
  sentPerSecond: number;
  receivedPerSecond: number;
  latencyP50: number | null;
  latencyP99: number | null;
  loopLag: number;
}

/** What is not known of an instance that never answered is absent. */
export interface Instance {
  id: string;
  version?: string;
  /** The name of its machine. */
  host?: string;
  /** ISO 8601, as all times are. */
  since?: string;
  sockets?: number;
  status: "ready" | "degraded" | "unavailable" | "draining" | "silent";
  problems: string[];
  figures?: InstanceFigures;
  lastHeard?: string;
}

/** What an instance has logged. */
export interface Warning {
  at: string;
  level: string;
  logger: string;
  message: string;
  instance: string;
}

export interface Session {
  id: string;
  instance: string;
  namespace: string;
  transport: string;
  address?: string | null;
  since: string;
  lastHeard: string;
  userAgent?: string;
  replaying?: boolean;
}

export interface Item {
  id: string;
  kind: "notification" | "announcement";
  userId?: string;
  type: string;
  title: string;
  message: string;
  link?: string;
  status: "PENDING" | "DELIVERED" | "READ";
  archived: boolean;
  createdAt: string;
  deliveredAt?: string;
  readAt?: string;
  expiresAt?: string;
  collapsed?: number;
  topic?: string;
  requireAck?: boolean;
  acknowledgedAt?: string;
}

/** Of an announcement: how many users. */
export interface Reach {
  users: number;
  received: number;
  read: number;
  acknowledged: number;
}

/** What will be sent later. */
export interface ScheduledWork {
  id: string;
  sendAt: string;
  kind: "notification" | "announcement";
  /** How many; null: an announcement's are not counted. */
  users: number | null;
  audience?: "everyone" | "connected";
  topic?: string;
  type: string;
  title: string;
  message: string;
}

/** Work that has failed for good. */
export interface DeadWork {
  id: string;
  kind: string;
  attempts: number;
  error: string;
  diedAt: string;
}

export interface ItemPage {
  notifications: Item[];
  unreadCount: number;
  nextCursor: string | null;
}

/** Something that happened to a notification, or keeps it waiting. */
export interface Step {
  at: string;
  what: string;
  instance?: string;
  session?: string;
  detail?: string;
  /** How often, of an announcement. */
  count?: number;
}

export interface Revocation {
  id: string;
  userId?: string;
  jti?: string;
  issuedBefore?: string;
  createdAt: string;
  expiresAt: string;
}

/** Something that is not as it should be. */
export interface Trouble {
  /** The same for as long as it lasts, whatever the text says meanwhile. */
  key: string;
  text: string;
  /** What it means for users, and what happens by itself. */
  hint: string;
  /** How much light it leaves: 0, none. */
  light: number;
}

export interface Happening {
  at: number;
  text: string;
  level: "good" | "bad" | "plain";
  /** The key of the trouble that began or ended. */
  about: string;
}

/** What the whole service does at a moment; null: not known. Rates are a second's, times milliseconds. */
export interface Sample {
  sockets: number | null;
  created: number | null;
  sent: number | null;
  received: number | null;
  p50: number | null;
  p99: number | null;
  lag: number | null;
}
