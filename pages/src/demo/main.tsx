import "../shared/styles/base.css";
import "./demo.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { API, call } from "../shared/api";
import { Memory } from "../customer/memory";

/** The page around the widget: what to try, and where the other tabs are. */
interface Demo {
  temporal_ui: string | null;
}

const INSTANCE = "demo";
const memory = new Memory(INSTANCE);
const temporal = signal<string | null>(null);

const TAG = `<script src="${API}pages/perennial-chat.js"
        data-instance="${INSTANCE}" async></script>`;

function Page() {
  const contact = memory.chat.value?.details.ContactId;
  return (
    <div class="demo">
      <header class="demo-head">
        <img src={new URL("../shared/icon.svg", import.meta.url).href} alt="" width="32" height="32" />
        <p class="demo-name">Perennial</p>
      </header>
      <main class="stack">
        <div class="stack">
          <h1 class="demo-title">Conversations that outlive the tab</h1>
          <p class="demo-lead">Chat with yourself: you are the customer here, and the agent in a second tab.</p>
        </div>
        <ol class="steps">
          <li>
            <h2>Start a chat</h2>
            <p>Open the button in the corner, and write a message. Then close this tab and come back: the chat is still there.</p>
          </li>
          <li>
            <h2>Answer it</h2>
            <p>
              Work as an agent at <a href={`${API}desk`} target="_blank" rel="noopener">the desk</a>: accept the chat, answer, park and resume
              it, pass it on, end it. The <a href={`${API}supervisor`} target="_blank" rel="noopener">supervisor</a> sees all of it.
            </p>
          </li>
          <li>
            <h2>See what runs</h2>
            <p>
              {temporal.value && contact ? (
                <a href={`${temporal.value}/namespaces/default/workflows/${contact}`} target="_blank" rel="noopener">
                  This conversation in the Temporal UI
                </a>
              ) : temporal.value ? (
                <>
                  Each conversation is a workflow in the{" "}
                  <a href={temporal.value} target="_blank" rel="noopener">
                    Temporal UI
                  </a>
                  .
                </>
              ) : (
                "Each conversation is a workflow, which the Temporal UI shows."
              )}
            </p>
          </li>
          <li>
            <h2>Come back later</h2>
            <p>When the chat has ended, continue it: the new chat shows the whole history.</p>
          </li>
        </ol>
        <section class="stack stack-tight" aria-labelledby="tag">
          <h2 id="tag">Put it on your own page</h2>
          <pre class="demo-code" tabIndex={0} role="region" aria-label="Script tag">
            <code>{TAG}</code>
          </pre>
        </section>
      </main>
    </div>
  );
}

async function findTemporal(): Promise<void> {
  try {
    temporal.value = (await call<Demo>("GET", "v1/demo")).temporal_ui;
  } catch {
    // a deployment has no demo
  }
}

render(<Page />, document.getElementById("page")!);
void findTemporal();
