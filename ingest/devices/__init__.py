"""Which devices may send, as whom, and how they show it: enrolment codes, tokens, revocation."""
