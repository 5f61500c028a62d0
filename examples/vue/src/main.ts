import { createApp } from "vue";

import App from "./App.vue";
import "./styles.css";

// The notification service's address. It is not part of the build, so that one build runs anywhere.
const { service } = await (await fetch("/config.json")).json();

createApp(App, { service }).mount("#root");
