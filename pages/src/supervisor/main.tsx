import "../shared/styles/base.css";
import "../team/team.css";
import "./supervisor.css";
import { render } from "preact";
import { speakEnglish } from "../team/language";
import { beginSession, session } from "../team/session";
import { SignIn } from "../team/SignIn";
import { Overview } from "./Overview";

function Page() {
  const token = session.value?.token;
  return token ? <Overview key={token} /> : <SignIn title="Supervisor’s view" fits={(agent) => agent.supervisor} />;
}

speakEnglish();
document.title = "Supervisor";
void beginSession().then(() => render(<Page />, document.getElementById("page")!));
