"""Fakes and conformance suites, for the toolkit's own tests and for those of adapters made elsewhere."""
