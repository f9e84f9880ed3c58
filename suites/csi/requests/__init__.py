"""One fault in a request: missing fields, sizes, values, for every RPC."""
