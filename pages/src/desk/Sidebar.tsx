/** The left column: the agent's own state, offers, and their conversations. */
import { useSignal } from "@preact/signals";
import { API } from "../shared/api";
import { Icon } from "../shared/ui/Icon";
import { Confirm } from "../team/Confirm";
import { Avatar } from "../team/SignIn";
import { hasSound, switchSound } from "./alerts";
import { Contacts } from "./Contacts";
import type { Desk } from "./desk";
import { Offers } from "./Offers";
import { Capacity, StatusPicker } from "./OwnState";
import { Queues } from "./Queues";

export function Sidebar({ desk, onShortcuts }: { desk: Desk; onShortcuts: () => void }) {
  const me = desk.me.value;
  return (
    <div class="desk-side">
      <div class="side-head">
        <div class="row">
          {me && <Avatar name={me.name} />}
          <p class="side-name" aria-hidden="true">
            <bdi>{me?.name}</bdi>
          </p>
          <div class="row push side-tools">
            <button
              type="button"
              class="button button-quiet button-icon"
              aria-pressed={hasSound.value}
              aria-label="Sound"
              title={hasSound.value ? "Switch the sound off" : "Switch the sound on"}
              onClick={switchSound}
            >
              <Icon name={hasSound.value ? "sound" : "mute"} />
            </button>
            <button type="button" class="button button-quiet button-icon" aria-label="Keyboard shortcuts" title="Keyboard shortcuts" onClick={onShortcuts}>
              <Icon name="keyboard" />
            </button>
            {me?.supervisor && (
              // in a tab of its own: the desk stays connected. With an opener the new tab has the sign-in of this one
              <a class="button button-quiet button-icon" href={`${API}supervisor`} target="_blank" rel="opener" aria-label="Supervisor’s view" title="Supervisor’s view">
                <Icon name="people" />
              </a>
            )}
            <SignOut desk={desk} />
          </div>
        </div>
        {me && <StatusPicker desk={desk} me={me} />}
        {me && <Capacity me={me} />}
      </div>
      <LinkState desk={desk} />
      <div class="side-lists">
        <Offers desk={desk} />
        <Contacts desk={desk} />
        <Queues desk={desk} />
      </div>
    </div>
  );
}

function SignOut({ desk }: { desk: Desk }) {
  const asks = useSignal(false);
  const count = desk.active.value.length;
  return (
    <>
      <button type="button" class="button button-quiet button-icon" aria-label="Sign out" title="Sign out" onClick={() => (count ? (asks.value = true) : void desk.leave())}>
        <Icon name="end" />
      </button>
      {asks.value && (
        <Confirm title="Sign out?" action="Sign out" isDanger onClose={() => (asks.value = false)} onConfirm={() => desk.leave()}>
          You go offline, and {count === 1 ? "your active conversation goes" : `your ${count} active conversations go`} back to the queue.
        </Confirm>
      )}
    </>
  );
}

const LINK_WORDS = {
  reconnecting: "The connection to the server is lost. The desk connects again by itself.",
  offline: "You are offline. The desk connects again once you are back.",
};

function LinkState({ desk }: { desk: Desk }) {
  const link = desk.socket.link.value;
  const isLost = link === "reconnecting" || link === "offline";
  return (
    <div role="status">
      {isLost && (
        <p class="notice notice-warning side-notice">
          <Icon name="alert" />
          {LINK_WORDS[link]}
        </p>
      )}
    </div>
  );
}
