"""The Identity service: who the driver is, what it declares, whether it is ready."""
