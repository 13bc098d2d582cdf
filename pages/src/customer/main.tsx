import "../shared/styles/base.css";
import "../shared/styles/chat.css";
import "./customer.css";
import { render } from "preact";
import { App } from "./App";
import { readSettings } from "./settings";
import { Store } from "./store";

const store = new Store(readSettings());
render(<App store={store} />, document.getElementById("page")!);
void store.begin();
