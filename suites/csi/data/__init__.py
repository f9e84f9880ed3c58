"""What is in the volumes: nothing is lost, nothing is handed on, copies are what they copy."""
