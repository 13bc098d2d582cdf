/** The desk: who waits on the left, the conversation in the middle, what is known about it on the right. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ChatPanel } from "./ChatPanel";
import { Desk } from "./desk";
import { Details } from "./Details";
import { Notices } from "./Notices";
import { bindShortcuts, Shortcuts } from "./Shortcuts";
import { Sidebar } from "./Sidebar";

export function Workplace() {
  const desk = useMemo(() => new Desk(), []);
  const showsShortcuts = useSignal(false);
  useEffect(() => {
    desk.begin();
    const unbind = bindShortcuts(desk);
    return () => {
      unbind();
      desk.stop();
    };
  }, []);
  const contact = desk.selected.value;
  return (
    <main class="desk" data-view={contact ? desk.view.value : "list"}>
      <h1 class="visually-hidden">
        Desk of <bdi>{desk.me.value?.name}</bdi>
      </h1>
      <Sidebar desk={desk} onShortcuts={() => (showsShortcuts.value = true)} />
      <section class="desk-chat" aria-label="Conversation" tabIndex={-1}>
        {contact ? <ChatPanel key={contact.contact_id} desk={desk} contact={contact} /> : <Nothing desk={desk} />}
      </section>
      {contact && <Details key={contact.contact_id} desk={desk} contact={contact} />}
      <Notices desk={desk} />
      {showsShortcuts.value && <Shortcuts onClose={() => (showsShortcuts.value = false)} />}
    </main>
  );
}

function Nothing({ desk }: { desk: Desk }) {
  const me = desk.me.value;
  if (!desk.isLoaded.value || !me) {
    return (
      <p class="empty" role="status">
        Loading…
      </p>
    );
  }
  const takesOffers = me.status === "available" || me.status === "busy";
  if (desk.offers.value.length) {
    return (
      <div class="empty desk-nothing">
        <h2>A customer waits for you</h2>
        <p>Accept the offer on the left, or decline it: then it goes to the next agent.</p>
      </div>
    );
  }
  return (
    <div class="empty desk-nothing">
      <h2>{desk.contacts.value.length ? "Choose a conversation" : takesOffers ? "All is quiet" : "You get no offers"}</h2>
      <p>
        {desk.contacts.value.length
          ? "Your conversations are on the left."
          : takesOffers
            ? "Offers appear on the left as soon as a customer waits."
            : "Set your status to available when you are ready for conversations."}
      </p>
      {!takesOffers && !desk.contacts.value.length && (
        <button type="button" class="button button-primary" onClick={() => void desk.setStatus("available")}>
          Become available
        </button>
      )}
    </div>
  );
}
