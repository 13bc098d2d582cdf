"""Run one chat from start to end with boto3 only."""

import os

import boto3

where = {
    "endpoint_url": os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:8080"),
    "region_name": "local",
    "aws_access_key_id": "perennial",
    "aws_secret_access_key": "perennial-demo-secret",
}
connect = boto3.client("connect", **where)
participant = boto3.client("connectparticipant", **where)

chat = connect.start_chat_contact(
    InstanceId="demo", ContactFlowId="live", ParticipantDetails={"DisplayName": "Ada"}, Attributes={"topic": "bees"}
)
connection = participant.create_participant_connection(
    ParticipantToken=chat["ParticipantToken"], Type=["WEBSOCKET", "CONNECTION_CREDENTIALS"]
)
token = connection["ConnectionCredentials"]["ConnectionToken"]
participant.send_message(ConnectionToken=token, ContentType="text/plain", Content="Do bees sleep?")

items = participant.get_transcript(ConnectionToken=token, SortOrder="ASCENDING")["Transcript"]
for item in items:
    print(item["AbsoluteTime"], item["DisplayName"], item.get("Content", item["ContentType"]))

connect.stop_contact(InstanceId="demo", ContactId=chat["ContactId"])
contact = connect.describe_contact(InstanceId="demo", ContactId=chat["ContactId"])["Contact"]
print(contact["Channel"], contact["Attributes"], "ended at", contact["DisconnectTimestamp"])
