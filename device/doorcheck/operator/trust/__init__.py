"""Trust lists: certificates from many sources in, signers out, with a proof where there is one."""
