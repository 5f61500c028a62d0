import { InjectionToken } from "@angular/core";

/** The notification service's address, without a path. It is read from `config.json`, so that one build runs anywhere. */
export const SERVICE = new InjectionToken<string>("the notification service's address");
