"""One module per command of `doorcheck`; each is imported only when it is called."""
