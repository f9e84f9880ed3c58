"""The driver in a cluster: the kubelet, the runtime and the sidecars together."""
