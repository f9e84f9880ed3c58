"""The suite whose subject is Seatrial itself."""
