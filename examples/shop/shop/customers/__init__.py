"""Those who buy: customers as code, for the demo, for tests and for torture."""
