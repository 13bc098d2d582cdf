# Shared by the examples in README.md and docs/. Use it from the project's folder: source docs/examples.sh

API=http://127.0.0.1:${PERENNIAL_API_PORT:-8080}
KEY='Authorization: Bearer perennial-demo-secret'

# field PATH...: print one value of the JSON on standard input, as in: field offers 0 offer_id
# Without this value, print the error of the API instead, and fail.
field() {
    python3 -c '
import json, sys
api, path, text = sys.argv[1], sys.argv[2:], sys.stdin.read()
if not text.strip():
    sys.exit(f"the API does not answer at {api}")
try:
    value = answer = json.loads(text)
except ValueError:
    sys.exit(f"the answer of {api} is not JSON: {text[:200]}")
try:
    for key in path:
        value = value[int(key)] if isinstance(value, list) else value[key]
except (LookupError, TypeError, ValueError):
    message = answer.get("Message") if isinstance(answer, dict) else None
    sys.exit(message or "the answer has no " + " ".join(path) + ": " + text[:200])
print(value)' "$API" "$@"
}

# start_chat WORKSTREAM [CUSTOMER_ID]: start a chat and print its contact id
start_chat() {
    curl -s -X PUT $API/contact/chat -H "$KEY" -d '{
        "InstanceId": "demo", "ContactFlowId": "'$1'", "ParticipantDetails": {"DisplayName": "Ada"}
        '"${2:+, \"CustomerId\": \"$2\"}"'}' | field ContactId
}

# assign CONTACT USER: give a contact to an agent (AssociateContactWithUser)
assign() {
    curl -sS -w '\n' -X POST $API/contacts/demo/$1/associate-user -H "$KEY" -d '{"UserId": "'$2'"}'
}

# sign_in USER: sign an agent in and print the agent token
sign_in() {
    curl -s $API/v1/agents/sign-in -H "$KEY" -d '{"instance": "demo", "user": "'$1'"}' | field token
}
