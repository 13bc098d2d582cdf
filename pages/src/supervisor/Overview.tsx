/** The supervisor's view: queues, agents, and every open contact. */
import { useEffect, useMemo } from "preact/hooks";
import { API } from "../shared/api";
import { Icon } from "../shared/ui/Icon";
import { signOut } from "../team/session";
import { Agents } from "./Agents";
import { Contacts } from "./Contacts";
import { Floor } from "./floor";
import { Queues } from "./Queues";

export function Overview() {
  const floor = useMemo(() => new Floor(), []);
  useEffect(() => {
    floor.begin();
    return () => floor.stop();
  }, []);
  return (
    <>
      <header class="top">
        <h1 class="top-title">Supervisor</h1>
        <LiveState floor={floor} />
        <nav class="row push" aria-label="Pages">
          <a class="button button-quiet button-small" href={`${API}desk`}>
            My desk
          </a>
          <button type="button" class="button button-quiet button-icon" aria-label="Sign out" title="Sign out" onClick={() => signOut()}>
            <Icon name="end" />
          </button>
        </nav>
      </header>
      <main class="overview">
        <Content floor={floor} />
      </main>
    </>
  );
}

const STATES = {
  loading: { dot: "", words: "Loading…" },
  live: { dot: "dot-good", words: "Live" },
  lost: { dot: "dot-warning", words: "The connection is lost. The view comes back by itself." },
  denied: { dot: "dot-danger", words: "No access" },
};

function LiveState({ floor }: { floor: Floor }) {
  const { dot, words } = STATES[floor.state.value];
  return (
    <p class="row small muted">
      <span class={`dot ${dot}`} />
      {words}
    </p>
  );
}

function Content({ floor }: { floor: Floor }) {
  if (floor.state.value === "denied") {
    return (
      <div class="empty" role="alert">
        <h2>Only supervisors see this page</h2>
        <p>Sign in as a supervisor, or go to your desk.</p>
      </div>
    );
  }
  if (floor.state.value === "loading") {
    return (
      <p class="empty" role="status">
        Loading…
      </p>
    );
  }
  return (
    <>
      {floor.problem.value && (
        <p class="notice notice-danger row" role="alert">
          <span>{floor.problem.value}</span>
          <button type="button" class="button button-quiet button-icon push" aria-label="Dismiss" onClick={() => (floor.problem.value = null)}>
            <Icon name="close" />
          </button>
        </p>
      )}
      {floor.notice.value && (
        <p class="notice row">
          <span>{floor.notice.value}</span>
          <button type="button" class="button button-quiet button-icon push" aria-label="Dismiss" onClick={() => (floor.notice.value = null)}>
            <Icon name="close" />
          </button>
        </p>
      )}
      <Queues floor={floor} />
      <Agents floor={floor} />
      <Contacts floor={floor} />
    </>
  );
}
