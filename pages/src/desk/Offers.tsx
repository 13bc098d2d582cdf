/** Offers, each with the time that is left to accept it. */
import { duration, now, secondsUntil } from "../team/clock";
import type { Offer } from "../team/records";
import type { Desk } from "./desk";

export function Offers({ desk }: { desk: Desk }) {
  const offers = desk.offers.value;
  if (!offers.length) return null;
  return (
    <section class="offers" aria-label="Offers">
      <h2 class="group-title">
        Offers <span class="count">{offers.length}</span>
      </h2>
      <ul role="list" class="stack stack-tight">
        {offers.map((offer, index) => (
          <li key={offer.offer_id}>
            <OfferCard desk={desk} offer={offer} isFirst={index === 0} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function OfferCard({ desk, offer, isFirst }: { desk: Desk; offer: Offer; isFirst: boolean }) {
  const isBusy = desk.busy.value.has(offer.offer_id);
  const left = secondsUntil(offer.until);
  const whole = Date.parse(offer.until) - Date.parse(offer.offered_at);
  const share = Math.max(0, Math.min(1, (Date.parse(offer.until) - now.value) / whole));
  const hasReturned = desk.contacts.value.some((contact) => contact.contact_id === offer.contact_id);
  const attributes = Object.entries(offer.attributes).filter(([name]) => name !== "language");
  return (
    <article class={`offer ${left <= 15 ? "offer-late" : ""}`} aria-label={`Offer: ${offer.customer}`}>
      <div class="offer-head">
        <h3 class="offer-name">
          <bdi>{offer.customer}</bdi>
        </h3>
        <span class="offer-time" role="timer" aria-label={`${left} seconds left`}>
          {duration(left)}
        </span>
      </div>
      <p class="small">
        {hasReturned && <strong>Has come back · </strong>}
        {offer.queue}
      </p>
      {attributes.length > 0 && (
        <ul role="list" class="chips" aria-label="Attributes">
          {attributes.slice(0, 3).map(([name, value]) => (
            <li key={name} class="chip" title={`${name}: ${value}`}>
              <bdi>{name}</bdi>: <bdi>{value}</bdi>
            </li>
          ))}
        </ul>
      )}
      <div class="offer-bar" aria-hidden="true">
        <span style={{ inlineSize: `${share * 100}%` }} />
      </div>
      <div class="row">
        <button
          type="button"
          class="button button-primary button-small offer-accept"
          disabled={isBusy}
          aria-keyshortcuts={isFirst ? "Alt+A" : undefined}
          onClick={() => void desk.accept(offer)}
        >
          Accept<span class="visually-hidden"> {offer.customer}</span>
        </button>
        <button type="button" class="button button-small" disabled={isBusy} onClick={() => void desk.reject(offer)}>
          Decline<span class="visually-hidden"> {offer.customer}</span>
        </button>
      </div>
    </article>
  );
}
