import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Route, Routes } from "react-router";

import { App } from "./App";
import { BellPage } from "./BellPage";
import { PostPage } from "./PostPage";
import { StockPage } from "./StockPage";
import "./styles.css";

// The notification service's address. It is not part of the build, so that one build runs anywhere.
const { service } = await (await fetch("/config.json")).json();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <BrowserRouter>
      <Routes>
        <Route element={<App service={service} />}>
          <Route index element={<StockPage />} />
          <Route path="bell" element={<BellPage />} />
          <Route path="posts/:id" element={<PostPage />} />
        </Route>
      </Routes>
    </BrowserRouter>
  </StrictMode>,
);
