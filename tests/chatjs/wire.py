"""Names of the wire."""

EVENT = "application/vnd.amazonaws.connect.event."
TYPING = EVENT + "typing"
DELIVERED = EVENT + "message.delivered"
READ = EVENT + "message.read"
JOINED = EVENT + "participant.joined"
LEFT = EVENT + "participant.left"
ENDED = EVENT + "chat.ended"
