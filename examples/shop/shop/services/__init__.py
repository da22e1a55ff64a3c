"""The twelve services, each with rules (`domain`), tables (`store`) and the service itself (`service`)."""
