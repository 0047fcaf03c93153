"""The service: a door put together from its settings, kept going, and looked after."""
