"""What is judged, one folder per interface; selftest judges this project itself."""
