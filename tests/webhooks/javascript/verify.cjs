// Verifies requests with the library of Standard Webhooks. Standard input is a list of {secret, body, headers};
// standard output is the list of the verified events, with null for each request that is refused.
const { Webhook, WebhookVerificationError } = require("standardwebhooks");
const { readFileSync } = require("node:fs");

const verified = ({ secret, body, headers }) => {
  try {
    return new Webhook(secret).verify(body, headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return null;
    throw error;
  }
};

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(verified)));
