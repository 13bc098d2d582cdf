import "../shared/styles/base.css";
import "../shared/styles/chat.css";
import "../team/team.css";
import "./desk.css";
import { render } from "preact";
import { speakEnglish } from "../team/language";
import { beginSession, session } from "../team/session";
import { SignIn } from "../team/SignIn";
import { prepareSound } from "./alerts";
import { Workplace } from "./Workplace";

function Page() {
  const token = session.value?.token;
  return token ? <Workplace key={token} /> : <SignIn title="Agent’s desk" fits={() => true} />;
}

speakEnglish();
prepareSound();
void beginSession().then(() => render(<Page />, document.getElementById("page")!));
