"""The drill: an outage played against a stand-in for the destination, on this machine."""
