"""The tests are a package so that one test module may import another's contracts: `from tests.unit...`."""
