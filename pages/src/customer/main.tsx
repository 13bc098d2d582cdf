import "../shared/styles/base.css";
import "../shared/styles/chat.css";
import "./customer.css";
import { render } from "preact";
import { App } from "./App";
import { reloadWhenReplaced } from "../shared/replaced";
import { replaceDeniedStorage } from "../shared/storage";
import { readSettings } from "./settings";
import { Store } from "./store";

replaceDeniedStorage();
reloadWhenReplaced();
const store = new Store(readSettings());
render(<App store={store} />, document.getElementById("page")!);
void store.begin();
