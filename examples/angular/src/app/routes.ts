import { Routes } from "@angular/router";

import { BellPage } from "./bell-page";
import { PostPage } from "./post-page";
import { StockPage } from "./stock-page";

export const routes: Routes = [
  { path: "", title: "The stock client", component: StockPage },
  { path: "bell", title: "The bell", component: BellPage },
  { path: "posts/:id", title: "A post", component: PostPage },
];
