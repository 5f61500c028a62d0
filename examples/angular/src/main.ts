import { provideBrowserGlobalErrorListeners } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { provideRouter, withComponentInputBinding } from "@angular/router";

import { App } from "./app/app";
import { SERVICE } from "./app/config";
import { routes } from "./app/routes";

async function start(): Promise<void> {
  const { service } = await (await fetch("config.json")).json();
  await bootstrapApplication(App, {
    providers: [
      provideBrowserGlobalErrorListeners(),
      provideRouter(routes, withComponentInputBinding()),
      { provide: SERVICE, useValue: service },
    ],
  });
}

start().catch(console.error);
