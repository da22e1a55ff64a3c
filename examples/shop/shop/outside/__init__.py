"""The world outside the shop, as small programs: a card network and a mail server, slow and failing at set rates."""
