/** Before somebody has signed in. The demo lets people pick an agent; elsewhere the team's own system signs agents in. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "../shared/api";
import { Icon } from "../shared/ui/Icon";
import { namespaceAddress, signIn, signInProblem } from "./session";

interface DemoAgent {
  instance: string;
  user: string;
  name: string;
  supervisor: boolean;
}

interface Demo {
  agents: DemoAgent[];
  temporal_ui: string | null;
}

interface Props {
  title: string;
  /** Which of the demo's agents can work on this page. */
  fits: (agent: DemoAgent) => boolean;
}

export function SignIn({ title, fits }: Props) {
  const demo = useSignal<Demo | null | "asking">("asking");
  useEffect(() => {
    call<Demo>("GET", "v1/demo").then(
      (found) => (demo.value = found),
      () => (demo.value = null),
    );
  }, []);
  const choose = async (agent: DemoAgent, temporal: string | null) => {
    try {
      const { token } = await call<{ token: string }>("POST", "v1/demo/sign-in", { body: { instance: agent.instance, user: agent.user } });
      signIn(token, namespaceAddress(temporal));
    } catch (error) {
      signInProblem.value = (error as Error).message;
    }
  };
  return (
    <main class="sign-in">
      <div class="card stack">
        <h1>{title}</h1>
        {signInProblem.value && (
          <p class="notice notice-warning" role="alert">
            {signInProblem.value}
          </p>
        )}
        {demo.value === "asking" ? (
          <p class="muted" role="status">
            Loading…
          </p>
        ) : demo.value ? (
          <Choice demo={demo.value} fits={fits} onChoose={choose} />
        ) : (
          <p>Your team’s own system opens this page, and signs you in. Open it from there.</p>
        )}
      </div>
    </main>
  );
}

function Choice({ demo, fits, onChoose }: { demo: Demo; fits: Props["fits"]; onChoose: (agent: DemoAgent, temporal: string | null) => Promise<void> }) {
  const agents = demo.agents.filter(fits);
  if (!agents.length) return <p>No agent of the demo can work here.</p>;
  const instances = new Set(agents.map((agent) => agent.instance));
  return (
    <>
      <p class="muted">This is a demo on your own machine. Choose who you are.</p>
      <ul role="list" class="people">
        {agents.map((agent) => (
          <li key={`${agent.instance} ${agent.user}`}>
            <button type="button" class="person" onClick={() => void onChoose(agent, demo.temporal_ui)}>
              <Avatar name={agent.name} />
              <span class="person-words">
                <span class="person-name">{agent.name}</span>
                <span class="small muted">
                  {agent.user}
                  {instances.size > 1 && ` · ${agent.instance}`}
                  {agent.supervisor && " · supervisor"}
                </span>
              </span>
              <Icon name="next" />
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The first letters of a name. It is decoration. */
export function Avatar({ name }: { name: string }) {
  const letters = name
    .split(/\s+/)
    .map((word) => [...word][0] ?? "")
    .slice(0, 2)
    .join("");
  return (
    <span class="avatar" aria-hidden="true">
      {letters.toUpperCase()}
    </span>
  );
}
