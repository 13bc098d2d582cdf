"""A test as a team writes it: code for Amazon Connect, run against Perennial."""


def start_chat(connect, participant, name: str) -> tuple[str, str]:
    """The code under test: it starts a chat and connects its customer."""
    chat = connect.start_chat_contact(InstanceId="demo", ContactFlowId="live", ParticipantDetails={"DisplayName": name})
    connection = participant.create_participant_connection(
        ParticipantToken=chat["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"]
    )
    return chat["ContactId"], connection["ConnectionCredentials"]["ConnectionToken"]


def test_message_of_the_customer_is_in_the_transcript(connect, participant) -> None:
    contact, token = start_chat(connect, participant, "Ada")
    participant.send_message(ConnectionToken=token, ContentType="text/plain", Content="Do bees sleep?")
    items = participant.get_transcript(ConnectionToken=token)["Transcript"]
    assert "Do bees sleep?" in [item.get("Content") for item in items]
    connect.stop_contact(InstanceId="demo", ContactId=contact)
