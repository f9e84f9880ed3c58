"""Tests of what looks after clouds: whose a thing is, what has expired, and its removal on an emulated AWS."""
