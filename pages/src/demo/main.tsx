import "../shared/styles/base.css";
import { render } from "preact";

render(<main class="empty">This page is not built yet.</main>, document.getElementById("page")!);
