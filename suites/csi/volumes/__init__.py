"""The Controller service for volumes: create, delete, attach, validate, list, capacity, modify, expand."""
