import { defineConfig, type Plugin } from "vite";

/** What the pages have in their heads beside a title. */
const HEAD = `
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
    <meta name="color-scheme" content="light dark">
    <link rel="icon" href="/src/shared/icon.svg" type="image/svg+xml">`;

const heads: Plugin = {
  name: "heads",
  transformIndexHtml: { order: "pre", handler: (html) => html.replace("<head>", `<head>${HEAD}`) },
};

// One entry for each page. Addresses are relative, so the pages work under any base path of PERENNIAL_PUBLIC_URL.
export default defineConfig({
  base: "./",
  plugins: [heads],
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // they know light-dark()
    assetsDir: "pages/assets",
    assetsInlineLimit: 0, // no data: addresses, which the content security policy would have to allow
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      input: {
        chat: "chat.html",
        widget: "widget.html",
        desk: "desk.html",
        supervisor: "supervisor.html",
        "perennial-chat": "src/widget/loader.ts",
      },
      output: {
        // the widget's script has a name that sites can write down
        entryFileNames: (chunk) =>
          chunk.name === "perennial-chat" ? "pages/perennial-chat.js" : "pages/assets/[name]-[hash].js",
      },
    },
  },
});
