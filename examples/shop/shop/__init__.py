"""A shop: twelve services on Atoll, laid out as a user would lay out their own."""
