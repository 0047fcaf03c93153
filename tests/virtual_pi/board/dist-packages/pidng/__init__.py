"""Stands for PiDNG, a compiled package for raw photographs, which picamera2 loads and a door never uses."""
