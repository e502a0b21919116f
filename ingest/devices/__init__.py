"""The registry of devices that may send, and their credentials: enrolment codes, tokens and revocation."""
